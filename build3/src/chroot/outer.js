/*
 * The entries that a private table hides.
 *
 * A user namespace with a table of its own sees none of the table outside (fs/binfmt_misc.c, load_binfmt_misc), so
 * what was registered there, another emulator or an interpreter of scripts, would be gone for the command. The
 * enabled ones are registered again. One with flag F holds a file open that we cannot take over; its path is
 * opened anew, and where there is no file any more a warning is what is left.
 */
import {readFileSync} from 'node:fs';
import {findBinfmtMount} from '../binfmt/mount.js';
import {readTable, register} from '../binfmt/registry.js';
import {ElfError} from '../errors.js';
/** Read the enabled entries of the table that counts for this process; none when it is mounted nowhere. */
export function readOuterEntries(onWarning) {
  const mountPoint = findBinfmtMount(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (mountPoint === undefined) return [];
  try {
    const {enabled, entries} = readTable(mountPoint);
    return enabled ? entries.filter((entry) => entry.enabled) : [];
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    onWarning(`what is registered outside cannot be read, and is not there inside: ${error.message}`);
    return [];
  }
}
/** Register entries of the outer table in a private one; each that cannot be is warned of. */
export function registerAgain(mountPoint, entries, taken, onWarning) {
  // The oldest first, so that the newest is so again.
  for (const {registration} of [...entries].reverse()) {
    const {name} = registration;
    if (taken.has(name)) continue;
    try {
      register(mountPoint, registration);
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      onWarning(`'${name}', registered outside, is not there inside: ${error.message}`);
    }
  }
}
//# sourceMappingURL=outer.js.map
