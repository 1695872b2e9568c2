/*
 * What a file is, in facts that a person asks for. Nothing here decides an edit. A fact that cannot be read does not
 * hide the others: it is left out, and the reason stands in `unreadable`.
 */
import {ElfError} from '../errors.js';
import {SHT} from './constants.js';
import {abiTag, buildId} from './gnu-notes.js';
import {hardeningOf} from './hardening.js';
import {describeKind, kindOf} from './kind.js';
import {machineOf} from './machine.js';
import {readNotes, readSectionNotes} from './notes.js';
import {oldestGlibc, wantedVersions} from './version-names.js';
/** Describe a file. Never throws for one that could be opened. */
export function describeElf(view) {
  const unreadable = new Set();
  const attempt = (read) => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      unreadable.add(error.message);
      return undefined;
    }
  };
  const kind = attempt(() => kindOf(view)) ?? 'unknown';
  const notes = [...(attempt(() => readSectionNotes(view)) ?? []), ...(attempt(() => readNotes(view)) ?? [])];
  const versions = attempt(() => wantedVersions(view)) ?? [];
  return {
    size: view.source.size,
    ...view.format,
    machine: machineOf(view).name,
    kind,
    kindName: describeKind(kind, view),
    interpreter: attempt(() => view.interpreter?.path),
    needed: attempt(() => view.dynamic?.needed) ?? [],
    rpath: attempt(() => view.dynamic?.rpath),
    runpath: attempt(() => view.dynamic?.runpath),
    soname: attempt(() => view.dynamic?.soname),
    hardening: isLoaded(kind) ? attempt(() => hardeningOf(view, kind, notes)) : undefined,
    buildId: buildId(notes),
    abi: abiTag(view, notes),
    versions,
    glibc: oldestGlibc(versions),
    ...(attempt(() => symbolFacts(view)) ?? {stripped: true, debugInfo: false, hasSections: false}),
    unreadable: [...unreadable],
  };
}
function isLoaded(kind) {
  return kind.endsWith('program') || kind === 'shared-library';
}
/** DWARF gives `.debug_info` its name; `.zdebug_info` is the same compressed in GNU's older way. */
function symbolFacts(view) {
  const {sectionHeaders} = view;
  return {
    stripped: !sectionHeaders.some(({sh_type}) => sh_type === SHT.SHT_SYMTAB),
    debugInfo: sectionHeaders.some((section) => /^\.z?debug_info$/.test(view.sectionName(section))),
    hasSections: sectionHeaders.length > 0,
  };
}
//# sourceMappingURL=describe.js.map
