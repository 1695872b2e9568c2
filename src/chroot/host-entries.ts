/*
 * The entries that a private table hides.
 *
 * A user namespace with a table of its own sees none of the table outside (fs/binfmt_misc.c, load_binfmt_misc), so what
 * was registered there, another emulator or an interpreter of scripts, would be gone for the command. The enabled ones
 * are registered again. One with flag F holds open a file that we cannot take over; its path is opened again, with a
 * warning if the file is gone.
 */
import {readFileSync} from 'node:fs';
import {findBinfmtMount, mustFindTable, refuseHostWide} from '../binfmt/mount.js';
import {type BinfmtEntry, readTable, register} from '../binfmt/registry.js';
import {ElfError} from '../errors.js';

/**
 * Read the enabled entries of the table that applies to this process; none if it is not mounted.
 *
 * @param except where another table is mounted already, which hides that one
 */
export function readHostEntries(
  onWarning: (message: string) => void,
  except?: string,
): readonly BinfmtEntry[] {
  const mountPoint = findBinfmtMount(readFileSync('/proc/self/mountinfo', 'utf8'), except);
  if (mountPoint === undefined) return [];
  try {
    const {enabled, entries} = readTable(mountPoint);
    return enabled ? entries.filter((entry) => entry.enabled) : [];
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    onWarning(
      `cannot read the binfmt_misc table of the host, so its entries are missing inside: ${error.message}`,
    );
    return [];
  }
}

/** Register entries of the host's table in a private one; warn of each that cannot be registered. */
export function registerAgain(
  mountPoint: string,
  entries: readonly BinfmtEntry[],
  taken: ReadonlySet<string>,
  onWarning: (message: string) => void,
): void {
  // Oldest first, so that the newest stays the newest.
  for (const {registration} of [...entries].reverse()) {
    const {name} = registration;
    if (taken.has(name)) continue;
    try {
      register(mountPoint, registration);
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      onWarning(`'${name}' is registered outside, but not inside: ${error.message}`);
    }
  }
}

/**
 * Copy the entries of the outer table into a new private one, except those with the given names.
 *
 * @throws ElfError BAD_REQUEST for the machine's own table, NOT_FOUND
 */
export function inheritEntries(
  table: string,
  taken: readonly string[],
  onWarning: (message: string) => void,
): void {
  const mount = mustFindTable(table);
  refuseHostWide(mount, false);
  const {mountPoint} = mount;
  registerAgain(mountPoint, readHostEntries(onWarning, mountPoint), new Set(taken), onWarning);
}
