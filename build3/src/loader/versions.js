/*
 * Symbol versions along a tree. For every object, before it relocates anything, glibc looks whether the libraries
 * define the versions that the object wants of them (elf/dl-version.c); one that is missing ends the program like
 * a library that is. A library without any versions serves for all, and musl does not look.
 */
import {readDefinedVersions, readNeededVersions} from '../elf/versions.js';
import {ElfError} from '../errors.js';

const VER_FLG_WEAK = 2;
/** Read an object's versions; undefined when its tables are damaged, which is for `checkElf` to report. */
export function readVersions(view) {
  try {
    return readTables(view);
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}
function readTables(view) {
  const string = (index) => view.dynamic?.stringAt(BigInt(index)) ?? '';
  const needs = readNeededVersions(view).flatMap(({record, versions}) => {
    const file = string(record.vn_file);
    return versions.map(({record: {vna_name, vna_flags}}) => ({
      file,
      version: string(vna_name),
      weak: (vna_flags & VER_FLG_WEAK) !== 0,
    }));
  });
  const defined = readDefinedVersions(view).flatMap(({names}) => names.slice(0, 1));
  const defines = defined.map(({record}) => string(record.vda_name));
  return {needs, defines: defines.length === 0 ? undefined : new Set(defines)};
}
/** Compare what the members of a process want with what the others define. */
export function checkVersions(members, names) {
  return members.flatMap((member) =>
    (member.object.dynamic?.versions?.needs ?? []).flatMap(({file, version, weak}) => {
      const library = names.get(file)?.member;
      const defines = library?.object.dynamic?.versions?.defines;
      if (library === undefined || defines === undefined || weak || defines.has(version)) return [];
      return [{version, missingIn: library.index, requiredBy: member.index}];
    }),
  );
}
//# sourceMappingURL=versions.js.map
