/*
 * Which versions a file wants of its libraries, by name, and what that means for glibc: a file that wants
 * GLIBC_2.34 of libc.so.6 runs with glibc 2.34 or newer.
 */
import {readNeededVersions} from './versions.js';

/** VER_FLG_WEAK of vna_flags. */
const weakFlag = 2;
/** List DT_VERNEED by name; empty when there is none. @throws ElfError when the table is damaged */
export function wantedVersions(view) {
  const name = (index) => view.dynamic?.stringAt(BigInt(index)) ?? '';
  return readNeededVersions(view).map(({record, versions}) => ({
    library: name(record.vn_file),
    versions: versions.map((version) => name(version.record.vna_name)),
    weak: versions
      .filter((version) => (version.record.vna_flags & weakFlag) !== 0)
      .map((version) => name(version.record.vna_name)),
  }));
}
/** The oldest glibc that has every version wanted, as in "2.34"; undefined when none of glibc's is wanted. */
export function oldestGlibc(wanted) {
  const needed = wanted.flatMap(({versions, weak}) => versions.filter((version) => !weak.includes(version)));
  return needed
    .map((version) => marks[version] ?? /^GLIBC_(\d+(\.\d+)+)$/.exec(version)?.[1])
    .filter((version) => version !== undefined)
    .reduce((a, b) => (a === undefined || isNewer(b, a) ? b : a), undefined);
}
/** Versions without a number, by which a linker keeps an older ld.so from a file that it would misread. */
const marks = {GLIBC_ABI_DT_RELR: '2.36'};
function isNewer(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < Math.max(left?.length ?? 0, right?.length ?? 0); i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
//# sourceMappingURL=version-names.js.map
