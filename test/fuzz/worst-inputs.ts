/*
 * Inputs made to be expensive: hundreds of thousands of each thing, lists that share their tails. And the work to do on
 * each.
 */
import {reportOf} from '../../src/cli/show/report.js';
import {planEdit} from '../../src/edit/plan-edit.js';
import {checkElf} from '../../src/elf/check.js';
import {DT, PT, SHT} from '../../src/elf/constants.js';
import {Dyn, Phdr, Shdr, Sym} from '../../src/elf/records.js';
import {dynamicSymbolTable} from '../../src/elf/symbols.js';
import {ElfError} from '../../src/errors.js';
import {readLdCache} from '../../src/loader/ld-cache.js';
import {readLoaderFacts} from '../../src/loader/loader-facts.js';
import {describeObject} from '../../src/loader/object.js';
import {readDynamicSymbols} from '../../src/loader/symbols.js';
import {bufferSource} from '../../src/source/buffer.js';
import {viewBuffer} from '../helpers/view-buffer.js';
import {buildCache} from '../loader/cache-builder.js';
import {growLibrary} from './grown.js';

/** Name of each, and how to make it; a scale below 1 makes it with that share of everything in its name. */
export const worstInputs: Readonly<Record<string, (scale: number) => Uint8Array>> = {
  'a valid library of ordinary size': () => growLibrary(),
  '200,000 symbols': (scale) => growLibrary({symbols: 200_000 * scale}),
  '200,000 symbols with names in one string of 2 MB': (scale) =>
    withOneName(growLibrary({symbols: 200_000 * scale})),
  '200,000 relocations': (scale) => growLibrary({relocations: 200_000 * scale}),
  '65,000 needed libraries': (scale) => growLibrary({needed: 65_000 * scale}),
  '65,000 needed libraries with names in one string': (scale) =>
    withOneNeed(growLibrary({needed: 65_000 * scale, symbols: 100_000 * scale})),
  '65,000 versions': (scale) => growLibrary({versions: 65_000 * scale, symbols: 65_000 * scale}),
  '60,000 sections': (scale) => growLibrary({sections: 60_000 * scale}),
  '60,000 sections with names in one string': (scale) =>
    withOneSectionName(growLibrary({sections: 60_000 * scale})),
  '60,000 overlapping note sections': (scale) =>
    withNotes(growLibrary({sections: 60_000 * scale, symbols: 40_000 * scale}), 900_000 * scale),
  '60,000 segments': (scale) => growLibrary({segments: 60_000 * scale}),
  '30,000 segments and 100,000 relocations': (scale) =>
    growLibrary({segments: 30_000 * scale, relocations: 100_000 * scale}),
  'a search path of 200,000 directories': (scale) => growLibrary({directories: 200_000 * scale}),
  'a BSS of 1 GB before a table that has to move': (scale) =>
    withBss(growLibrary({segments: 1}), 1_000_000_000 * scale),
  'a cache of 200,000 entries with names in one string': (scale) => cacheOfOneName(200_000 * scale),
  'a loader of 4 MB that is one long path': (scale) =>
    Buffer.from(`glibc-ld.so.cache\0${'/a'.repeat((2 << 20) * scale)}`),
};

const machine = {e_machine: 62, e_flags: 0, elfClass: 64, littleEndian: true} as const;

const works: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  check: (bytes) => checkElf(viewBuffer(bytes)),
  show: (bytes) => reportOf(viewBuffer(bytes), 'worst'),
  resolve(bytes) {
    describeObject(bufferSource(bytes), true);
    readLdCache(bytes, machine);
    readLoaderFacts(bufferSource(bytes), machine);
    readDynamicSymbols(viewBuffer(bytes));
  },
  'set interpreter': (bytes) => planEdit(viewBuffer(bytes), {interpreter: `/${'i'.repeat(200)}`}),
  'set search path': (bytes) =>
    planEdit(viewBuffer(bytes), {rpath: `/${'r'.repeat(900)}`, addNeeded: ['libmore.so']}),
};

/** The work to do on each input, which may be refused. */
export const worstWorks: Readonly<Record<string, (bytes: Uint8Array) => void>> = Object.fromEntries(
  Object.entries(works).map(([what, work]) => [what, (bytes) => attempt(() => work(bytes))]),
);

function attempt(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
}

/** Change records of one type in place. */
function change<T>(
  bytes: Uint8Array,
  type: {
    size(elfClass: 64): number;
    decode(bytes: Uint8Array, format: {elfClass: 64; littleEndian: true}, offset: number): T;
    encode(record: T, format: {elfClass: 64; littleEndian: true}): Uint8Array;
  },
  [offset, count]: readonly [number, number],
  edit: (record: T, index: number) => Partial<T> | undefined,
): Uint8Array {
  const format = {elfClass: 64, littleEndian: true} as const;
  for (let i = 0; i < count; i++) {
    const at = offset + i * type.size(64);
    const record = type.decode(bytes, format, at);
    const changed = edit(record, i);
    if (changed !== undefined) bytes.set(type.encode({...record, ...changed}, format), at);
  }
  return bytes;
}

/** Join the strings of the string table into one. */
function joinStrings(bytes: Uint8Array): number {
  const {offset = 0, size = 0} = viewBuffer(bytes).dynamic?.stringTable ?? {};
  bytes.fill(0x5f, offset + 1, offset + size - 1);
  return size;
}

function withOneName(bytes: Uint8Array): Uint8Array {
  const table = dynamicSymbolTable(viewBuffer(bytes));
  const size = joinStrings(bytes);
  const range = [table?.offset ?? 0, table?.count ?? 0] as const;
  return change(bytes, Sym, range, (_, i) => ({st_name: 1 + (i % (size - 1))}));
}

export function withOneNeed(bytes: Uint8Array): Uint8Array {
  const {offset = 0, entries = []} = viewBuffer(bytes).dynamic ?? {};
  joinStrings(bytes);
  return change(bytes, Dyn, [offset, entries.length], ({d_tag}, i) =>
    d_tag === DT.DT_NEEDED ? {d_val: BigInt(1 + i)} : undefined,
  );
}

function sectionsOf(bytes: Uint8Array): readonly [number, number] {
  const {header, sectionHeaders} = viewBuffer(bytes);
  return [header.e_shoff, sectionHeaders.length];
}

function withOneSectionName(bytes: Uint8Array): Uint8Array {
  const {sectionHeaders, e_shstrndx} = viewBuffer(bytes);
  const {sh_offset = 0, sh_size = 0} = sectionHeaders[e_shstrndx] ?? {};
  bytes.fill(0x5f, sh_offset + 1, sh_offset + sh_size - 1);
  return change(bytes, Shdr, sectionsOf(bytes), (_, i) => ({sh_name: 1 + i}));
}

export function withNotes(bytes: Uint8Array, size: number): Uint8Array {
  return change(bytes, Shdr, sectionsOf(bytes), ({sh_type, sh_size}) =>
    sh_type === SHT.SHT_PROGBITS && sh_size === 0
      ? {sh_type: SHT.SHT_NOTE, sh_offset: 4096, sh_size: size}
      : undefined,
  );
}

/**
 * The bytes after the program header table have no known owner, so the table has to move, as far in the file as in
 * memory.
 */
function withBss(bytes: Uint8Array, size: number): Uint8Array {
  const {header, programHeaders, dynamic} = viewBuffer(bytes);
  change(bytes, Dyn, [dynamic?.offset ?? 0, dynamic?.entries.length ?? 0], ({d_tag}) =>
    d_tag === DT.DT_HASH ? {d_tag: 0x6000_0f00n} : undefined,
  );
  change(bytes, Shdr, sectionsOf(bytes), ({sh_type}) =>
    sh_type === SHT.SHT_HASH ? {sh_type: SHT.SHT_PROGBITS} : undefined,
  );
  const last = programHeaders.findLastIndex(({p_type}) => p_type === PT.PT_LOAD);
  return change(bytes, Phdr, [header.e_phoff, programHeaders.length], ({p_type}, i) => {
    if (i === last) return {p_memsz: size};
    return p_type === PT.PT_LOAD ? {p_flags: 7} : undefined;
  });
}

function cacheOfOneName(count: number): Uint8Array {
  const lines = Array.from({length: count}, (_, i) => ({name: `lib${i}.so`, path: `/lib/lib${i}.so`}));
  const bytes = buildCache(lines);
  return bytes.map((byte, i) => (byte === 0 && i > 48 + 24 * count && i < bytes.length - 1 ? 0x5f : byte));
}
