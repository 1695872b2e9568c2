/*
 * The dynamic-linking tables: what DT_* entries point at, with their lengths.
 *
 * Only these entries, section headers and symbols point at them, never code, so an edit may move them if it updates all
 * three. Anything else that a DT_* entry points at (DT_INIT, DT_PLTGOT, DT_INIT_ARRAY, ...) is addressed by code and
 * stays where it is.
 */
import {DT, EM, machineDT, SHT} from './constants.js';
import {memoizedPerView} from './memoized.js';
import {GnuHashHeader, Sym, Verdaux, Verdef, Vernaux, Verneed} from './records.js';
import {dynamicSymbolTable, gnuHashTable, hashWordSize, readHashHeader} from './symbols.js';
import {readDefinedVersions, readNeededVersions} from './versions.js';
import type {ElfView} from './view.js';

export interface DynamicTable {
  /** The tag that points at it. */
  readonly tag: bigint;
  readonly address: bigint;
  /** File offset. */
  readonly offset: number;
  /** Length in bytes. */
  readonly size: number;
  /** Alignment in bytes that its records need. */
  readonly align: number;
}

/**
 * List the tables in the order of their file offsets.
 *
 * @throws ElfError when a version table is damaged, so that its length cannot be known
 */
export const dynamicTables: (view: ElfView) => readonly DynamicTable[] = memoizedPerView((view) => {
  const word = view.format.elfClass / 8;
  const sized = [
    {tag: DT.DT_HASH, size: () => hashSize(view), align: hashWordSize(view)},
    {tag: DT.DT_GNU_HASH, size: () => gnuHashSize(view), align: word},
    {tag: DT.DT_SYMTAB, size: () => symbolTableSize(view), align: word},
    {tag: DT.DT_STRTAB, size: () => sizeFrom(view, DT.DT_STRSZ), align: 1},
    {tag: DT.DT_VERSYM, size: () => versymSize(view), align: 2},
    {tag: DT.DT_VERNEED, size: () => neededVersionsSize(view), align: word},
    {tag: DT.DT_VERDEF, size: () => definedVersionsSize(view), align: word},
    {tag: DT.DT_REL, size: () => sizeFrom(view, DT.DT_RELSZ), align: word},
    {tag: DT.DT_RELA, size: () => sizeFrom(view, DT.DT_RELASZ), align: word},
    {tag: DT.DT_RELR, size: () => sizeFrom(view, DT.DT_RELRSZ), align: word},
    {tag: DT.DT_JMPREL, size: () => sizeFrom(view, DT.DT_PLTRELSZ), align: word},
    ...(view.header.e_machine === EM.EM_MIPS
      ? [{tag: DT_MIPS_XHASH, size: () => xhashSize(view), align: word}]
      : []),
  ];
  return sized
    .flatMap(({tag, size, align}) => {
      const address = view.dynamic?.value(tag);
      const offset = view.offsetOfTable(tag);
      return address === undefined || offset === undefined
        ? []
        : [{tag, address, offset, size: size(), align}];
    })
    .sort((a, b) => a.offset - b.offset);
});

const {DT_MIPS_XHASH} = machineDT[EM.EM_MIPS];

/** Whether a tag points at a table that may move. */
export function isTableTag({header}: ElfView, tag: bigint): boolean {
  return tableTags.has(tag) || (header.e_machine === EM.EM_MIPS && tag === DT_MIPS_XHASH);
}

const tableTags: ReadonlySet<bigint> = new Set([
  DT.DT_HASH,
  DT.DT_GNU_HASH,
  DT.DT_SYMTAB,
  DT.DT_STRTAB,
  DT.DT_VERSYM,
  DT.DT_VERNEED,
  DT.DT_VERDEF,
  DT.DT_REL,
  DT.DT_RELA,
  DT.DT_RELR,
  DT.DT_JMPREL,
]);

/** For each section type that occurs at most once, the tag that points at the section. */
export const tagsOfSections: Readonly<Record<number, bigint>> = {
  [SHT.SHT_DYNSYM]: DT.DT_SYMTAB,
  [SHT.SHT_HASH]: DT.DT_HASH,
  [SHT.SHT_GNU_HASH]: DT.DT_GNU_HASH,
  [SHT.SHT_GNU_VERSYM]: DT.DT_VERSYM,
  [SHT.SHT_GNU_VERNEED]: DT.DT_VERNEED,
  [SHT.SHT_GNU_VERDEF]: DT.DT_VERDEF,
};

/** If nothing gives the number of symbols, these tables seem to extend to the next table, even after that one moves. */
export const sizedBySymbols: ReadonlySet<bigint> = new Set([DT.DT_SYMTAB, DT.DT_VERSYM, DT.DT_GNU_HASH]);

function sizeFrom(view: ElfView, sizeTag: bigint): number {
  return Number(view.dynamic?.value(sizeTag) ?? 0n);
}

function symbolTableSize(view: ElfView): number {
  return (dynamicSymbolTable(view)?.count ?? 0) * Sym.size(view.format.elfClass);
}

function versymSize(view: ElfView): number {
  return (dynamicSymbolTable(view)?.count ?? 0) * 2;
}

function hashSize(view: ElfView): number {
  const {nbucket, nchain} = readHashHeader(view, view.offsetOfTable(DT.DT_HASH) ?? 0);
  return (2 + nbucket + nchain) * hashWordSize(view);
}

function gnuHashSize(view: ElfView): number {
  const table = gnuHashTable(view);
  if (table === undefined) return 0;
  const hashed = (table.symbolCount ?? table.header.symoffset) - table.header.symoffset;
  return table.chains + hashed * 4 - table.offset;
}

/** Like DT_GNU_HASH, plus one more word per hashed symbol that gives its place in the symbol table. */
function xhashSize(view: ElfView): number {
  const {elfClass} = view.format;
  const size = GnuHashHeader.size(elfClass);
  const offset = view.offsetOfTable(DT_MIPS_XHASH) ?? 0;
  const {symoffset, bloom_size, nbuckets} = GnuHashHeader.decode(view.source.read(offset, size), view.format);
  const hashed = Math.max(0, (dynamicSymbolTable(view)?.count ?? 0) - symoffset);
  return size + (bloom_size * elfClass) / 8 + nbuckets * 4 + hashed * 8;
}

function neededVersionsSize(view: ElfView): number {
  const {elfClass} = view.format;
  let end = view.offsetOfTable(DT.DT_VERNEED) ?? 0;
  const start = end;
  for (const {offset, versions} of readNeededVersions(view)) {
    end = Math.max(end, offset + Verneed.size(elfClass));
    for (const version of versions) end = Math.max(end, version.offset + Vernaux.size(elfClass));
  }
  return end - start;
}

function definedVersionsSize(view: ElfView): number {
  const {elfClass} = view.format;
  let end = view.offsetOfTable(DT.DT_VERDEF) ?? 0;
  const start = end;
  for (const {offset, names} of readDefinedVersions(view)) {
    end = Math.max(end, offset + Verdef.size(elfClass));
    for (const name of names) end = Math.max(end, name.offset + Verdaux.size(elfClass));
  }
  return end - start;
}
