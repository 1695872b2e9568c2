/*
 * Isolating the bundled loader.
 *
 * In a foreign chroot the environment belongs to the guest, but the host's loader reads it first: a guest's
 * LD_PRELOAD costs an error message on every exec, `ldd` (LD_TRACE_LOADED_OBJECTS) lists the emulator's libraries
 * instead of the guest's, and a library of the emulator's own architecture would be loaded into it. So the copy of
 * the loader that goes into a bundle is changed, in place and to the same length, never in its layout or SONAME:
 *
 * - glibc tests each variable for the prefix `LD_` by three byte compares (_dl_next_ld_env_entry, elf/dl-environ.c).
 *   If the third compares to `%`, it reads only `LD%...` variables, which are still available for debugging.
 * - /etc/ld.so.preload and /etc/ld.so.cache would be the guest's; they become paths that cannot exist.
 * - The built-in directories, where dlopen("libz.so.1") would find the machine's, become such paths too; so does, in
 *   the C library, the directory of gconv, whose modules iconv opens by their paths.
 * - GLIBC_TUNABLES and, in musl, LD_PRELOAD and LD_LIBRARY_PATH are looked up by name; their names change.
 *
 * If a pattern is not exactly as expected, nothing is changed, and the bundle is made with a warning.
 */
import type {Plan, Write} from '../edit/plan.js';
import {EM, PF, PT} from '../elf/constants.js';
import type {ElfView} from '../elf/view.js';
import {readSystemDirectories} from '../loader/loader-facts.js';
import {libraryText} from '../source/byte-string.js';

/** The result of planning to isolate a loader. */
export interface Isolation {
  /** To be applied to the loader; without writes when nothing matched. */
  readonly plan: Plan;
  /** Whether the loader will ignore the variables whose names begin with LD_. */
  readonly isIsolated: boolean;
  readonly warnings: readonly string[];
}

/**
 * Plan the byte edits for a loader.
 *
 * @param directories whether it is to lose its built-in directories, too; a packed program keeps them, for plugins
 * @param cache whether it is to lose ld.so.cache; a loader packed without the libraries keeps it
 */
export function planIsolation(view: ElfView, {directories: lose = true, cache = true} = {}): Isolation {
  const text = libraryText(view.source);
  const isMusl = /\0LD_LIBRARY_PATH\0/.test(text) && text.includes('/etc/ld-musl-');
  const prefix = isMusl ? [] : findPrefixTest(view, text);
  const names = replaceStrings(text, isMusl ? muslStrings : glibcStrings(cache));
  const directories = isMusl || !lose ? [] : replaceDirectories(text);
  const isIsolated = isMusl ? names.length === 2 : prefix.length === 1;
  const writes = [...(isIsolated ? prefix : []), ...names, ...directories];
  const ignored = [
    'LD_* variables',
    'ld.so.preload',
    ...(cache ? ['ld.so.cache'] : []),
    ...(lose ? ['its built-in directories'] : []),
  ];
  const change = `the loader ignores ${ignored.slice(0, -1).join(', ')} and ${ignored.at(-1)}`;
  return {
    plan: planOf(view, writes, isIsolated ? [change] : []),
    isIsolated,
    warnings: isIsolated ? [] : [couldNot(prefix.length)],
  };
}

/**
 * Plan the byte edits for a C library: it no longer opens modules for character sets by the paths of the machine.
 *
 * @param gconv the directory in which it finds such modules instead, if the path that it replaces is long enough
 */
export function planLibcIsolation(view: ElfView, gconv?: string): Plan | undefined {
  const text = libraryText(view.source);
  const writes = [...text.matchAll(/(?<=\0)\/[\w.+/-]*\/gconv(?:\/[\w.-]+)?(?=\0)/g)].map((match) =>
    writeGconv(match.index, match[0], gconv),
  );
  return writes.length === 0
    ? undefined
    : planOf(view, writes, ['iconv does not open gconv modules of the machine']);
}

/** The cache has absolute paths, and is of no use elsewhere. Slashes at the end of a directory are harmless. */
function writeGconv(offset: number, path: string, gconv: string | undefined): Write {
  if (gconv === undefined || gconv.length > path.length || !path.endsWith('/gconv'))
    return write(offset, path, nowhere(path), `${path} becomes a path that cannot exist`);
  return write(offset, path, gconv.padEnd(path.length, '/'), `${path} becomes ${gconv}`);
}

function planOf({path, source: {size}}: ElfView, writes: readonly Write[], changes: readonly string[]): Plan {
  const sorted = [...writes].sort((a, b) => a.offset - b.offset);
  return {
    path,
    placement: sorted.length === 0 ? 'none' : 'in-place',
    inputSize: size,
    outputSize: size,
    writes: sorted,
    regions: sorted.map(({offset, bytes: {length}, reason}) => ({offset, size: length, what: reason})),
    changes,
    notes: [],
  };
}

/** Replace the list of directories in the loader, wherever it occurs. */
function replaceDirectories(text: string): Write[] {
  const directories = readSystemDirectories(text);
  const row = directories.map((directory) => `${directory}\0`).join('');
  const writes: Write[] = [];
  for (let at = row === '' ? -1 : text.indexOf(row); at >= 0; at = text.indexOf(row, at + row.length)) {
    let offset = at;
    for (const directory of directories) {
      writes.push(
        write(offset, directory, nowhere(directory), `the built-in directory ${directory} is removed`),
      );
      offset += directory.length + 1;
    }
  }
  return writes;
}

/**
 * A path of the same length that cannot be created: one in /proc or, for the shortest, a directory of the kernel's own.
 */
function nowhere(path: string): string {
  const short: Readonly<Record<number, string>> = {5: '/sys/', 6: '/proc/', 7: '/sys/-/', 8: '/proc/-/'};
  return short[path.length] ?? `/proc/-${path.slice('/proc/-'.length)}`;
}

/** Tell whether a loader was isolated: it has the changed test, and not the original one. */
export function isIsolated(view: ElfView): boolean {
  const text = libraryText(view.source);
  if (muslStrings.every(([from, to]) => text.includes(`\0${to}\0`) && !text.includes(`\0${from}\0`)))
    return true;
  return findPrefixTest(view, text, true).length === 1 && findPrefixTest(view, text).length === 0;
}

function couldNot(matches: number): string {
  const found =
    matches === 0 ? 'the expected code was not found' : `${matches} places look like the expected code`;
  return `the loader still reads LD_* variables (${found}): an LD_PRELOAD that is meant for programs of another system prints errors`;
}

/**
 * The x86-64 code of the test: cmpb $'L',(%reg); jne; cmpb $'D',1(%reg); jne; cmpb $'_',2(%reg), where %reg is
 * any register that needs no extra byte of addressing, and each jump is short or near.
 */
const prefixTest = testFor('_');
const isolatedTest = testFor('%');

function testFor(last: string): RegExp {
  const jne = '(?:\\x75[^]|\\x0f\\x85[^]{4})';
  const registers = [0, 1, 2, 3, 6, 7].flatMap((register) => ['', '\\x41'].map((rex) => ({register, rex})));
  const one = ({register, rex}: {register: number; rex: string}) => {
    const compare = (mode: number, displacement: string, character: string) =>
      `${rex}\\x80\\x${(mode | 0x38 | register).toString(16)}${displacement}${character}`;
    return `${compare(0x00, '', 'L')}${jne}${compare(0x40, '\\x01', 'D')}${jne}${compare(0x40, '\\x02', last)}`;
  };
  return new RegExp(registers.map(one).join('|'), 'g');
}

/**
 * The same on aarch64: cmp wN, #'L'; b.ne; ldrb wN, [xM, #1]; cmp wN, #'D'; b.ne; ldrb wN, [xM, #2]; cmp wN, #'_'. The
 * constant of `cmp` begins at bit 10 of the instruction.
 */
const armPrefixTest = armTestFor('_');
const armIsolatedTest = armTestFor('%');

function armTestFor(last: string): RegExp {
  const branch = '[^]{3}\\x54';
  const load = '[^]{3}\\x39';
  const one = (register: number) => {
    const compare = (character: string) => byteClass(armCompare(register, character));
    return `${compare('L')}${branch}${load}${compare('D')}${branch}${load}${compare(last)}`;
  };
  return new RegExp(Array.from({length: 31}, (_, register) => one(register)).join('|'), 'g');
}

/** The instruction `cmp wN, #character`. */
function armCompare(register: number, character: string): string {
  const word = 0x7100001f | (character.charCodeAt(0) << 10) | (register << 5);
  return String.fromCharCode(word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24);
}

function byteClass(text: string): string {
  return [...text].map((character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');
}

/** The places of the test (or of the changed test), as writes that would change its last comparison. */
function findPrefixTest(view: ElfView, text: string, isChanged = false): Write[] {
  const isArm = view.header.e_machine === EM.EM_AARCH64;
  const code = view.programHeaders.filter(
    ({p_type, p_flags}) => p_type === PT.PT_LOAD && (p_flags & PF.PF_X) !== 0,
  );
  const test = isArm ? (isChanged ? armIsolatedTest : armPrefixTest) : isChanged ? isolatedTest : prefixTest;
  const reason = 'the test for LD_ becomes a test for LD%';
  return code.flatMap(({p_offset, p_filesz}) =>
    [...text.slice(p_offset, p_offset + p_filesz).matchAll(test)].map((match) => {
      const end = p_offset + match.index + match[0].length;
      if (!isArm) return write(end - 1, '_', '%', reason);
      const before = match[0].slice(-4);
      const register = ((before.charCodeAt(0) | (before.charCodeAt(1) << 8)) >> 5) & 31;
      return write(end - 4, before, armCompare(register, '%'), reason);
    }),
  );
}

/** Same length; the new paths are in a directory that /proc cannot have, mounted or not. */
const glibcStrings = (cache: boolean): readonly (readonly [string, string])[] => [
  ['/etc/ld.so.preload', '/proc/-/ld.preload'],
  ...(cache ? ([['/etc/ld.so.cache', '/proc/-/ld.cache']] as const) : []),
  ['GLIBC_TUNABLES', 'GLIBC%TUNABLES'],
];

const muslStrings: readonly (readonly [string, string])[] = [
  ['LD_PRELOAD', 'LD%PRELOAD'],
  ['LD_LIBRARY_PATH', 'LD%LIBRARY_PATH'],
];

function replaceStrings(text: string, pairs: readonly (readonly [string, string])[]): Write[] {
  return pairs.flatMap(([from, to]) =>
    [...text.matchAll(new RegExp(`(?<=\\0)${from.replaceAll('.', '\\.')}(?=\\0)`, 'g'))].map((match) =>
      write(match.index, from, to, `${from} becomes ${to}`),
    ),
  );
}

function write(offset: number, from: string, to: string, reason: string): Write {
  return {offset, before: Buffer.from(from, 'latin1'), bytes: Buffer.from(to, 'latin1'), reason};
}
