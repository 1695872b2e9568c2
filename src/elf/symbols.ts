/*
 * How many dynamic symbols are there? ld.so never needs to know, so no entry states the number directly. DT_HASH and
 * DT_MIPS_SYMTABNO give the number; a section header gives it too; DT_GNU_HASH gives it if symbols are exported, since
 * those come last. Failing all of these, the table is assumed to extend to the next thing that has an address, which
 * never gives too few.
 */
import {ElfError} from '../errors.js';
import {readInPieces} from '../source/source.js';
import {DT, EM, machineDT, SHT} from './constants.js';
import {loadAtAddress} from './loads.js';
import {memoizedPerView} from './memoized.js';
import {GnuHashHeader, HashHeader, Sym, WideHashHeader} from './records.js';
import {column, type RecordRange, read, readU16s, scan} from './scan.js';
import {byteString, StringBudget, stringsIn} from './strings.js';
import type {ElfView} from './view.js';

/** The dynamic symbol table. */
export interface SymbolTable {
  readonly address: bigint;
  readonly offset: number;
  readonly count: number;
  /** False when `count` may be too large, but not too small. */
  readonly exact: boolean;
}

/** Find DT_SYMTAB and its length; undefined when there is none, or none in the file. */
export const dynamicSymbolTable: (view: ElfView) => SymbolTable | undefined = memoizedPerView((view) => {
  const address = view.dynamic?.value(DT.DT_SYMTAB);
  const offset = view.offsetOfTable(DT.DT_SYMTAB);
  if (address === undefined || offset === undefined) return undefined;
  const exact =
    countFromSection(view, address) ??
    countFromHash(view) ??
    countFromMips(view) ??
    gnuHashTable(view)?.symbolCount;
  const most = Math.floor((endOfMapping(view, address) - offset) / Sym.size(view.format.elfClass));
  if (exact !== undefined && exact <= most) return {address, offset, count: exact, exact: true};
  return {address, offset, count: Math.min(most, guessCount(view, address)), exact: false};
});

/** DT_SYMTAB extends at most to the next address, and so does DT_VERSYM, which has a number for each symbol. */
function guessCount(view: ElfView, address: bigint): number {
  const symbols = countToNextAddress(view, address, Sym.size(view.format.elfClass));
  const versym = view.dynamic?.value(DT.DT_VERSYM);
  return versym === undefined ? symbols : Math.min(symbols, countToNextAddress(view, versym, 2));
}

/** Gets st_name, the number of the symbol, st_shndx and st_info. */
type SymbolVisitor = (name: number, index: number, section: number, info: number) => void;

/** Visit symbols of a table at a file offset, in order, with bounded memory. Values and sizes are not decoded. */
export function eachSymbol(view: ElfView, offset: number, count: number, visit: SymbolVisitor): void {
  const place = (field: 'st_name' | 'st_shndx' | 'st_info') => column(Sym, field, view.format);
  const [name, section, info] = [place('st_name'), place('st_shndx'), place('st_info')];
  scan(view, Sym, {offset, count}, (words, length, first) => {
    for (let i = 0, at = 0; i < length; i++, at += name.step)
      visit(read(words, at, name), first + i, read(words, at, section), read(words, at, info));
  });
}

/** Visit only the symbols of some sections; the others are not decoded. */
export function eachSymbolOf(
  view: ElfView,
  range: RecordRange,
  sections: ReadonlySet<number>,
  visit: (symbol: Sym, index: number) => void,
): void {
  const section = column(Sym, 'st_shndx', view.format);
  const size = Sym.size(view.format.elfClass);
  const isOne = new Uint8Array(1 << 16);
  for (const index of sections) isOne[index] = 1;
  scan(view, Sym, range, (words, count, first) => {
    for (let i = 0, at = 0; i < count; i++, at += section.step) {
      if (isOne[read(words, at, section)] === 0) continue;
      const index = first + i;
      visit(Sym.decode(view.source.read(range.offset + index * size, size), view.format), index);
    }
  });
}

/** The names of the first `count` dynamic symbols, one character per byte (see `byteString`). */
export function dynamicSymbolNames(view: ElfView, count: number): string[] {
  const symbols = dynamicSymbolTable(view);
  const strings = view.dynamic?.stringTable;
  if (symbols === undefined || strings === undefined) return [];
  const table = stringsIn(view.source, strings);
  const names: string[] = [];
  const budget = new StringBudget(view.source, strings.size);
  eachSymbol(view, symbols.offset, count, (start) => {
    const name = table.at(start);
    budget.take(name.length);
    names.push(byteString(name));
  });
  return names;
}

/**
 * Read DT_VERSYM, one number per symbol; empty when there is none.
 *
 * @throws ElfError BAD_ELF when it does not point into the file
 */
export function readVersym(view: ElfView, count: number): Uint16Array {
  const address = view.dynamic?.value(DT.DT_VERSYM);
  if (address === undefined) return new Uint16Array();
  const offset = view.offsetOfTable(DT.DT_VERSYM);
  if (offset !== undefined) return readU16s(view, offset, count);
  throw new ElfError('BAD_ELF', 'DT_VERSYM does not point into the file', {path: view.path, value: address});
}

function countFromSection(view: ElfView, address: bigint): number | undefined {
  const section = view.sectionHeaders.find((s) => s.sh_type === SHT.SHT_DYNSYM && s.sh_addr === address);
  return section && Math.floor(section.sh_size / Sym.size(view.format.elfClass));
}

function countFromHash(view: ElfView): number | undefined {
  const offset = view.offsetOfTable(DT.DT_HASH);
  return offset === undefined ? undefined : readHashHeader(view, offset).nchain;
}

/** Read the head of DT_HASH. Its `nchain` is the number of symbols (gABI, "Hash Table"). */
export function readHashHeader(view: ElfView, offset: number): HashHeader {
  const type = hashWordSize(view) === 8 ? WideHashHeader : HashHeader;
  return type.decode(view.source.read(offset, type.size(view.format.elfClass)), view.format);
}

/** Width of a DT_HASH word in bytes: 8 on 64-bit alpha and s390x, else 4. */
export function hashWordSize({header, format}: ElfView): 4 | 8 {
  return format.elfClass === 64 && (header.e_machine === EM.EM_ALPHA || header.e_machine === EM.EM_S390)
    ? 8
    : 4;
}

/** More buckets, and more symbols in one chain, than any real table has. */
const mostHashed = 1 << 24;

/** DT_GNU_HASH, as far as the table describes itself. */
export interface GnuHashTable {
  /** File offset of the header. */
  readonly offset: number;
  readonly header: GnuHashHeader;
  /** File offsets of the bloom filter, the buckets and the chain words. */
  readonly bloom: number;
  readonly buckets: number;
  readonly chains: number;
  /** Total number of dynamic symbols, including those not hashed; undefined when none is hashed. */
  readonly symbolCount: number | undefined;
}

/** Read DT_GNU_HASH; undefined when there is none, or none in the file. */
export const gnuHashTable: (view: ElfView) => GnuHashTable | undefined = memoizedPerView((view) => {
  const address = view.dynamic?.value(DT.DT_GNU_HASH);
  const offset = view.offsetOfTable(DT.DT_GNU_HASH);
  if (address === undefined || offset === undefined) return undefined;
  const {elfClass} = view.format;
  const size = GnuHashHeader.size(elfClass);
  const header = GnuHashHeader.decode(view.source.read(offset, size), view.format);
  const bloom = offset + size;
  const buckets = bloom + (header.bloom_size * elfClass) / 8;
  const chains = buckets + header.nbuckets * 4;
  const isAbsurd = header.nbuckets > mostHashed || header.bloom_size > mostHashed;
  const last = isAbsurd ? 0 : Math.max(0, ...largestOf(view, buckets, header.nbuckets));
  const chain = chains + (last - header.symoffset) * 4;
  const symbolCount =
    last < header.symoffset || last === 0
      ? undefined
      : endOfChain(view, chain, endOfMapping(view, address), last);
  return {offset, header, bloom, buckets, chains, symbolCount};
});

/** The largest word of each piece of a list of words. */
function largestOf(view: ElfView, offset: number, count: number): number[] {
  const largest: number[] = [];
  readInPieces(view.source, offset, count * 4, (bytes) => {
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let most = 0;
    for (let at = 0; at + 4 <= bytes.length; at += 4)
      most = Math.max(most, data.getUint32(at, view.format.littleEndian));
    largest.push(most);
    return undefined;
  });
  return largest;
}

/**
 * The index after the last symbol of the chain that begins with symbol `first`, whose word is at `offset`. The word of
 * the last symbol has its lowest bit set. The search stops at the end of the mapping.
 */
function endOfChain(view: ElfView, offset: number, end: number, first: number): number | undefined {
  const length = Math.min(mostHashed, Math.floor((end - offset) / 4)) * 4;
  let found: number | undefined;
  readInPieces(view.source, offset, length, (bytes, start) => {
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length && found === undefined; at += 4)
      if ((data.getUint32(at, view.format.littleEndian) & 1) === 1)
        found = first + (start - offset + at) / 4 + 1;
    return found === undefined;
  });
  return found;
}

function countFromMips(view: ElfView): number | undefined {
  if (view.header.e_machine !== EM.EM_MIPS) return undefined;
  const value = view.dynamic?.value(machineDT[8].DT_MIPS_SYMTABNO);
  return value === undefined ? undefined : Number(value);
}

function endOfMapping(view: ElfView, address: bigint): number {
  const load = loadAtAddress(view.programHeaders, address);
  return load === undefined ? 0 : Math.min(view.source.size, load.p_offset + load.p_filesz);
}

const addressTags = [
  DT.DT_STRTAB,
  DT.DT_HASH,
  DT.DT_GNU_HASH,
  DT.DT_VERSYM,
  DT.DT_VERNEED,
  DT.DT_VERDEF,
  DT.DT_RELA,
  DT.DT_REL,
  DT.DT_RELR,
  DT.DT_JMPREL,
  DT.DT_INIT,
];

function countToNextAddress(view: ElfView, address: bigint, size: number): number {
  const next = addressTags
    .map((tag) => view.dynamic?.value(tag))
    .filter((value) => value !== undefined && value > address)
    .reduce<bigint | undefined>((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a), undefined);
  if (next === undefined) return Number.POSITIVE_INFINITY;
  return Math.floor(Number(next - address) / size);
}
