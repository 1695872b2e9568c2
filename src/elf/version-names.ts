/*
 * Which versions a file needs from its libraries, by name, and what that means for glibc: a file that needs GLIBC_2.34
 * from libc.so.6 runs with glibc 2.34 or newer.
 */
import {readNeededVersions} from './versions.js';
import type {ElfView} from './view.js';

/** One library, with the versions needed from it. */
export interface WantedVersions {
  readonly library: string;
  /** Names in the order of the file. */
  readonly versions: readonly string[];
  /** Those whose absence only makes ld.so print a warning. */
  readonly weak: readonly string[];
}

/** VER_FLG_WEAK of vna_flags. */
const weakFlag = 2;

/** List DT_VERNEED by name; empty when there is none. @throws ElfError when the table is damaged */
export function wantedVersions(view: ElfView): WantedVersions[] {
  const name = (index: number) => view.dynamic?.stringAt(BigInt(index)) ?? '';
  return readNeededVersions(view).map(({record, versions}) => ({
    library: name(record.vn_file),
    versions: versions.map((version) => name(version.record.vna_name)),
    weak: versions
      .filter((version) => (version.record.vna_flags & weakFlag) !== 0)
      .map((version) => name(version.record.vna_name)),
  }));
}

/** The versions without which ld.so refuses to start the program. */
export function requiredVersions({versions, weak}: WantedVersions): string[] {
  const optional = new Set(weak);
  return versions.filter((version) => !optional.has(version));
}

/** The oldest glibc that has every required version, as in "2.34"; undefined when no glibc version is required. */
export function oldestGlibc(wanted: readonly WantedVersions[]): string | undefined {
  return wanted
    .flatMap(requiredVersions)
    .map((version) => glibcMarks.get(version) ?? /^GLIBC_(\d+(\.\d+)+)$/.exec(version)?.[1])
    .filter((version) => version !== undefined)
    .reduce<string | undefined>((a, b) => (a === undefined || isNewer(b, a) ? b : a), undefined);
}

/**
 * Versions without a number, by which a linker keeps an older ld.so from a file that it would misread, and the oldest
 * glibc that has them. Those for TLS and the PLT came with updates: Debian's 2.41 has them.
 */
export const glibcMarks: ReadonlyMap<string, string> = new Map([
  ['GLIBC_ABI_DT_RELR', '2.36'],
  ['GLIBC_ABI_DT_X86_64_PLT', '2.41'],
  ['GLIBC_ABI_GNU_TLS', '2.41'],
  ['GLIBC_ABI_GNU2_TLS', '2.41'],
]);

function isNewer(a: string, b: string): boolean {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < Math.max(left?.length ?? 0, right?.length ?? 0); i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
