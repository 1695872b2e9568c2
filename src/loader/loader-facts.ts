/*
 * What one loader binary was built with: its system directories, `$LIB`, the names of its cache and of its preload
 * file, the hwcaps it knows.
 *
 * Distributions configure these differently (Debian's multiarch directories, Fedora's /lib64, a store path on Nix
 * and Guix), and `ld.so --list-diagnostics` would tell, but running a foreign loader is out of the question. All
 * of it is in the binary as plain C strings, so it is read from there:
 *
 *   system_dirs      the strings that follow one another and each read `/.../`   (elf/dl-load.c)
 *   LD_SO_CACHE      the string that ends in `/ld.so.cache`                      (sysdeps/generic/dl-cache.h)
 *   preload_file     the string that ends in `/ld.so.preload`                    (elf/rtld.c)
 *   DL_DST_LIB       the string `lib...` that a system directory ends in        (elf/dl-dst.h)
 *   subdirectories   the string `x86-64-v4:x86-64-v3:...`                        (dl-hwcaps-subdirs.c)
 *
 * A loader whose strings were overwritten on purpose, as in a bundle, is read the same way: what it no longer names, it
 * no longer opens.
 */
import {PF, PT} from '../elf/constants.js';
import type {MachineFacts} from '../elf/machine.js';
import {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import type {ByteSource} from '../source/source.js';

/** The C library whose rules a loader follows. */
export type Libc = 'glibc' | 'musl' | 'unknown';

/** What a loader was built with. Directories end with a slash. */
export interface LoaderFacts {
  readonly libc: Libc;
  /** Of glibc, as in "2.36". */
  readonly version: string | undefined;
  readonly systemDirectories: readonly string[];
  /** The value of `$LIB`. */
  readonly lib: string | undefined;
  /** The subdirectories of glibc-hwcaps that it knows, best first. */
  readonly hwcaps: readonly string[];
  readonly cachePath: string | undefined;
  readonly preloadPath: string | undefined;
  /** Of musl: the file that replaces the system directories, without the prefix it is looked for under. */
  readonly pathFile: string | undefined;
}

/** Whether a loader is that of a glibc before 2.MINOR. An unknown version counts as new. */
export function isGlibcBefore(minor: number, {version}: Pick<LoaderFacts, 'version'>): boolean {
  const [major, actual] = (version ?? '').split('.').map(Number);
  return major === 2 && actual !== undefined && actual < minor;
}

/** Read the facts out of a loader's bytes. */
export function readLoaderFacts(source: ByteSource, machine: MachineFacts): LoaderFacts {
  const facts =
    factsAmong(source, constantsOf(source)) ?? factsAmong(source, [{offset: 0, size: source.size}]);
  return facts ?? {...fallbackFacts('glibc', machine), libc: 'unknown'};
}

/** Undefined if no known loader is recognized. */
function factsAmong(source: ByteSource, ranges: readonly Range[]): LoaderFacts | undefined {
  const text = ranges.map((range) => textAt(source, range)).join('\0');
  const pathFile = /\/etc\/ld-musl-[\w.-]+\.path(?=\0)/.exec(text)?.[0];
  if (pathFile !== undefined) return readMuslFacts(text, pathFile);
  return text.includes('glibc-ld.so.cache') ? readGlibcFacts(text) : undefined;
}

interface Range {
  readonly offset: number;
  readonly size: number;
}

/** The read-only segments: if a loader keeps its constants apart from its code, they are a fifth of the file. */
function constantsOf(source: ByteSource): Range[] {
  try {
    return new ElfView(source)
      .segments(PT.PT_LOAD)
      .filter(({p_flags}) => (p_flags & (PF.PF_W | PF.PF_X)) === 0)
      .map(({p_offset, p_filesz}) => ({offset: p_offset, size: p_filesz}));
  } catch (error) {
    if (error instanceof ElfError) return [];
    throw error;
  }
}

/** Longer than any loader; only this much of a longer file is looked at. */
const mostBytes = 1 << 24;

function textAt(source: ByteSource, {offset, size}: Range): string {
  const start = Math.min(offset, source.size);
  const bytes = source.read(start, Math.min(size, source.size - start, mostBytes));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** What a loader that is not available was most likely built with: upstream's defaults. */
export function fallbackFacts(libc: Libc, machine: MachineFacts): LoaderFacts {
  const lib = upstreamLib(machine);
  if (libc === 'musl') return {libc, version: undefined, hwcaps: [], ...muslDefaults, pathFile: undefined};
  return {
    libc,
    version: undefined,
    hwcaps: hwcapsOf(machine),
    systemDirectories: [`/${lib}/`, `/usr/${lib}/`],
    lib: lib.split('/').at(-1),
    cachePath: '/etc/ld.so.cache',
    preloadPath: '/etc/ld.so.preload',
    pathFile: undefined,
  };
}

const muslDefaults = {
  systemDirectories: ['/lib/', '/usr/local/lib/', '/usr/lib/'],
  lib: undefined,
  cachePath: undefined,
  preloadPath: undefined,
};

function readMuslFacts(text: string, pathFile: string): LoaderFacts {
  // Another such list is the PATH of execvp; the one of libraries has a `lib` in it.
  const lists = [...text.matchAll(/(?<=\0)[\w.+:/-]+(?=\0)/g)]
    .map(([list]) => list)
    .filter(isListOfDirectories);
  const list = lists.find((directories) => directories.includes('/lib'));
  const version = /(?<=\0)\d+\.\d+\.\d+(?=\0)/.exec(text)?.[0];
  const systemDirectories = list?.split(':').map((directory) => `${directory}/`);
  return {
    libc: 'musl',
    version,
    hwcaps: [],
    ...muslDefaults,
    systemDirectories: systemDirectories ?? muslDefaults.systemDirectories,
    pathFile,
  };
}

function isListOfDirectories(list: string): boolean {
  const directories = list.length > longestList ? [] : list.split(':');
  return directories.length > 1 && directories.every((directory) => /^(?:\/[\w.+-]+)+$/.test(directory));
}

const longestList = 4096;

function readGlibcFacts(text: string): LoaderFacts {
  const systemDirectories = readSystemDirectories(text);
  return {
    libc: 'glibc',
    version: /release version (\d+\.\d+)/.exec(text)?.[1],
    systemDirectories,
    lib: readLib(text, systemDirectories),
    hwcaps: hwcapsList.exec(text)?.[0].split(':') ?? [],
    cachePath: /(?<=\0)\/[^\0\n]*(?=\0 search cache=)/.exec(text)?.[0] ?? stringEndingIn('ld.so.cache', text),
    preloadPath: stringEndingIn('ld.so.preload', text),
    pathFile: undefined,
  };
}

const hwcapsList = /(?<=\0)(?:(?:x86-64-v|power|z)\d+:)+(?:x86-64-v|power|z)\d+(?=\0)/;

/**
 * The consecutive strings `/.../`, one of them with a `lib`; on Nix and Guix there is only one. What precedes the first
 * is not a string and need not end with a NUL, so the longest of several such rows is used.
 */
export function readSystemDirectories(text: string): readonly string[] {
  const rows = rowsOfDirectories(text);
  const isOfLibraries = (row: readonly string[]) => row.some((directory) => /\/lib\w*\//.test(directory));
  const longestFirst = rows.sort((a, b) => b.length - a.length);
  return longestFirst.find(isOfLibraries) ?? longestFirst.find(({length}) => length > 1) ?? [];
}

/** Each run of path characters is looked at once: in a hostile file one can be megabytes long. */
function rowsOfDirectories(text: string): string[][] {
  const rows: string[][] = [];
  let end = -1;
  for (const {0: match, index} of text.matchAll(/(?<![\w.+%/-])[\w.+%/-]+\0/g)) {
    const run = match.slice(0, -1);
    const directory = directoryAtEnd(run);
    const row = index === end && directory === run ? rows.at(-1) : undefined;
    end = directory === undefined ? -1 : index + match.length;
    if (directory === undefined) continue;
    if (row === undefined) rows.push([directory]);
    else row.push(directory);
  }
  return rows;
}

/** The part of a run that reads `/.../`, without empty components; undefined if there is none. */
function directoryAtEnd(run: string): string | undefined {
  const double = run.lastIndexOf('//');
  const start = double < 0 ? run.indexOf('/') : double + 1;
  return run.endsWith('/') && start >= 0 && start < run.length - 1 ? run.slice(start) : undefined;
}

/** DL_DST_LIB: with a triplet it is unmistakable, without one it has to be what a system directory ends in. */
function readLib(text: string, systemDirectories: readonly string[]): string | undefined {
  const triplet = /(?<=\0)lib\w*\/[\w.]+-linux-\w+(?=\0)/.exec(text)?.[0];
  if (triplet !== undefined) return triplet;
  const plain = [...text.matchAll(/(?<=\0)lib\w*(?=\0)/g)].map(([lib]) => lib);
  const isDirectory = (lib: string) => systemDirectories.some((directory) => directory.endsWith(`/${lib}/`));
  return plain.find(isDirectory) ?? systemDirectories[0]?.split('/').at(-2);
}

function stringEndingIn(name: string, text: string): string | undefined {
  return new RegExp(`(?<=\0)/[^\0\n ]*${name.replaceAll('.', '\\.')}(?=\0)`).exec(text)?.[0];
}

/** slibdir as glibc's sysdeps define it (`libc_cv_slibdir` in the configure fragments). */
function upstreamLib({e_machine, e_flags, elfClass}: MachineFacts): string {
  const isMips = e_machine === 8;
  if (e_machine === 243)
    return `lib${elfClass}/${elfClass === 64 ? 'lp64' : 'ilp32'}${['', 'f', 'd', 'q'][(e_flags >> 1) & 3]}`;
  if (isMips && elfClass === 32) return (e_flags & 0x20) !== 0 ? 'lib32' : 'lib';
  if (e_machine === 62 && elfClass === 32) return 'libx32';
  return elfClass === 64 && e_machine !== 36902 && e_machine !== 50 ? 'lib64' : 'lib';
}

function hwcapsOf({e_machine, elfClass, littleEndian}: MachineFacts): string[] {
  if (e_machine === 62 && elfClass === 64) return ['x86-64-v4', 'x86-64-v3', 'x86-64-v2'];
  if (e_machine === 21 && littleEndian) return ['power10', 'power9'];
  return e_machine === 22 && elfClass === 64 ? ['z16', 'z15', 'z14', 'z13'] : [];
}
