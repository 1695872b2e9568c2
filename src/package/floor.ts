/*
 * The oldest C library and GCC runtime that a file runs with, and the symbols that make it so.
 *
 * What counts is DT_VERNEED: ld.so compares it with what the libraries define before the program starts, whether or not
 * a symbol uses a version. A version marked weak costs a warning and does not count. musl has no versions; there the
 * names of symbols show what they can.
 */
import {glibcMarks, requiredVersions, type WantedVersions} from '../elf/version-names.js';
import type {ElfView} from '../elf/view.js';
import {type DynamicSymbol, readDynamicSymbols} from '../loader/symbols.js';
import {isLibgcc} from './libc.js';
import {muslSymbols} from './platforms.js';
import {compareVersions, newestOf} from './version-numbers.js';

/** The system libraries whose age decides: glibc, musl, libstdc++ (two series of versions), libgcc. */
export type Family = 'glibc' | 'musl' | 'glibcxx' | 'cxxabi' | 'gcc';

/** The least that a file asks of one of them. */
export interface Floor {
  readonly family: Family;
  /** The oldest version that it runs with, as in "2.34". */
  readonly version: string;
  /** Every version that it asks for, newest first, each with the symbols that need it. */
  readonly versions: readonly RaisingVersion[];
}

/** A version and who asks for it. */
export interface RaisingVersion {
  readonly version: string;
  /** In the order of the file, at most `mostSymbols`; empty if only DT_VERNEED names the version. */
  readonly symbols: readonly string[];
  /** How many there are. */
  readonly count: number;
}

/** The floors of a file, with what else its versions say. */
interface Floors {
  readonly floors: readonly Floor[];
  /** Versions of system libraries that no table knows: GLIBC_PRIVATE, those of a future release. */
  readonly unknown: readonly string[];
}

/** Enough to see what to change. */
export const mostSymbols = 50;

const prefixes: Readonly<Record<string, Family>> = {
  GLIBC: 'glibc',
  GLIBCXX: 'glibcxx',
  CXXABI: 'cxxabi',
  GCC: 'gcc',
};

/** Versions that do not carry the number of the release that introduced them. */
const named: ReadonlyMap<string, readonly [Family, string]> = new Map<string, readonly [Family, string]>([
  ...[...glibcMarks].map(([name, version]) => [name, ['glibc', version]] as const),
  ['CXXABI_TM_1', ['cxxabi', '1.3.6']],
  ['CXXABI_FLOAT128', ['cxxabi', '1.3.9']],
]);

/**
 * Work out the floors of a file.
 *
 * @param isVendored whether a library is found in the package itself, so that nothing is asked of the system's
 * @throws ElfError when the symbol or version tables are damaged
 */
export function floorsOf(
  view: ElfView,
  wanted: readonly WantedVersions[],
  libc: string,
  isVendored: (library: string) => boolean,
): Floors {
  const asked = wanted
    .filter(({library}) => !isVendored(library))
    .flatMap((one) =>
      requiredVersions(one).filter((version) => !(isLibgcc(one.library) && version.startsWith('GLIBC_'))),
    );
  const symbols = view.dynamic === undefined ? [] : readDynamicSymbols(view);
  const users = usersOf(symbols);
  const byFamily = new Map<Family, string[]>();
  const unknown: string[] = [];
  for (const name of new Set(asked)) {
    const family = familyOf(name);
    if (family !== undefined) addTo(byFamily, family[0], name);
    else if (/^(GLIBC|GLIBCXX|CXXABI|GCC)_/.test(name)) unknown.push(name);
  }
  const floors = [...byFamily].map(([family, names]) => floor(family, names, users));
  const musl = libc === 'musl' ? muslFloor(symbols) : undefined;
  return {floors: musl === undefined ? floors : [...floors, musl], unknown};
}

/** The family and number of a version's name, as in GLIBC_2.34 or GLIBCXX_LDBL_3.4.21. */
export function familyOf(name: string): readonly [Family, string] | undefined {
  const known = named.get(name);
  if (known !== undefined) return known;
  const [, prefix = '', number = ''] = /^([A-Z]+)_(?:LDBL_|IEEE128_|ARM_)?(\d+(?:\.\d+)*)$/.exec(name) ?? [];
  const family = prefixes[prefix];
  return family === undefined ? undefined : [family, number];
}

function usersOf(symbols: readonly DynamicSymbol[]): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const {name, version, defined} of symbols)
    if (!defined && version !== undefined) addTo(users, version, name);
  return users;
}

function addTo<K>(lists: Map<K, string[]>, key: K, name: string): void {
  const known = lists.get(key);
  if (known === undefined) lists.set(key, [name]);
  else known.push(name);
}

function floor(
  family: Family,
  names: readonly string[],
  users: ReadonlyMap<string, readonly string[]>,
): Floor {
  const numbered = names.map((name) => ({name, version: familyOf(name)?.[1] ?? '0'}));
  numbered.sort((a, b) => compareVersions(b.version, a.version));
  return {
    family,
    version: numbered[0]?.version ?? '0',
    versions: numbered.map(({name, version}) => {
      const symbols = users.get(name) ?? [];
      return {version, symbols: symbols.slice(0, mostSymbols), count: symbols.length};
    }),
  };
}

function muslFloor(symbols: readonly DynamicSymbol[]): Floor | undefined {
  const wanted = new Set(symbols.filter(({defined, weak}) => !defined && !weak).map(({name}) => name));
  const versions = Object.entries(muslSymbols)
    .map(([version, names]) => ({version, symbols: names.filter((name) => wanted.has(name))}))
    .filter((entry) => entry.symbols.length > 0)
    .reverse()
    .map((entry) => ({...entry, count: entry.symbols.length}));
  const version = newestOf(versions.map((entry) => entry.version));
  return version === undefined ? undefined : {family: 'musl', version, versions};
}

/** The floors of several files together: the newest of each family. */
export function joinFloors(all: readonly (readonly Floor[])[]): Floor[] {
  const newest = new Map<Family, Floor>();
  for (const one of all.flat()) {
    const known = newest.get(one.family);
    if (known === undefined || compareVersions(one.version, known.version) > 0) newest.set(one.family, one);
  }
  return familyOrder.flatMap((family) => newest.get(family) ?? []);
}

const familyOrder: readonly Family[] = ['glibc', 'musl', 'glibcxx', 'cxxabi', 'gcc'];
