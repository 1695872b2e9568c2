/*
 * Every record of an ELF file, with its offset, for damage to single fields. The record tables of src define the
 * fields; the readers find the records, in the file before it is damaged.
 */
import {DT, PT, SHT} from '../../src/elf/constants.js';
import {readNotes, readSectionNotes} from '../../src/elf/notes.js';
import {defineRecord, type ElfClass, type Format} from '../../src/elf/record.js';
import {
  AbiTag,
  Dyn,
  Ehdr,
  EI_NIDENT,
  GnuHashHeader,
  HashHeader,
  Ident,
  Nhdr,
  Phdr,
  Property,
  PropertyBits,
  Rel,
  Rela,
  Shdr,
  Sym,
  Verdaux,
  Verdef,
  Vernaux,
  Verneed,
  WideHashHeader,
} from '../../src/elf/records.js';
import {relocationTables} from '../../src/elf/relocations.js';
import {dynamicSymbolTable, gnuHashTable, hashWordSize, readHashHeader} from '../../src/elf/symbols.js';
import {readDefinedVersions, readNeededVersions} from '../../src/elf/versions.js';
import type {ElfView} from '../../src/elf/view.js';

export type Fields = Record<string, number | bigint>;

/** A record type without the static types of its fields. */
export interface AnyRecord {
  readonly name: string;
  size(elfClass: ElfClass): number;
  decode(bytes: Uint8Array, format: Format, offset: number): Fields;
  encode(record: Fields, format: Format): Uint8Array;
}

export interface PlacedRecord {
  readonly type: AnyRecord;
  readonly offset: number;
}

/** The entries of tables that do not consist of records: hash buckets and chains, DT_VERSYM, DT_RELR. */
const Half = defineRecord('half', {value: 'half'});
const Word = defineRecord('word', {value: 'word'});
const Wide = defineRecord('address', {value: 'addr'});

/** List the records of a sound file; no byte belongs to two of them. */
export function placeRecords(view: ElfView): PlacedRecord[] {
  const list = new RecordList(view.format.elfClass);
  const {e_phoff, e_shoff} = view.header;
  list.add(Ident, 0);
  list.add(Ehdr, EI_NIDENT);
  list.addMany(Phdr, e_phoff, view.programHeaders.length);
  list.addMany(Shdr, e_shoff, view.sectionHeaders.length);
  list.addMany(Dyn, view.dynamic?.offset ?? 0, view.dynamic?.capacity ?? 0);
  placeSymbols(view, list);
  placeNotes(view, list);
  for (const {offset, size, hasAddend} of relocationTables(view))
    list.addWhole(hasAddend ? Rela : Rel, offset, size);
  placeVersions(view, list);
  placeHashTables(view, list);
  list.addWhole(Wide, offsetOf(view, DT.DT_RELR), Number(view.dynamic?.value(DT.DT_RELRSZ) ?? 0n));
  return list.records;
}

class RecordList {
  readonly records: PlacedRecord[] = [];
  readonly #elfClass: ElfClass;
  readonly #seen = new Set<number>();

  constructor(elfClass: ElfClass) {
    this.#elfClass = elfClass;
  }

  /** Notes are found by segment and by section: the second time is ignored. */
  add(type: unknown, offset: number | undefined): void {
    if (offset === undefined || this.#seen.has(offset)) return;
    this.#seen.add(offset);
    this.records.push({type: type as AnyRecord, offset});
  }

  addMany(type: unknown, offset: number | undefined, count: number): void {
    const size = (type as AnyRecord).size(this.#elfClass);
    for (let i = 0; i < count && offset !== undefined; i++) this.add(type, offset + i * size);
  }

  addWhole(type: unknown, offset: number | undefined, size: number): void {
    this.addMany(type, offset, Math.floor(size / (type as AnyRecord).size(this.#elfClass)));
  }
}

function offsetOf(view: ElfView, tag: bigint): number | undefined {
  const address = view.dynamic?.value(tag);
  return address === undefined ? undefined : view.offsetOfAddress(address);
}

function placeSymbols(view: ElfView, list: RecordList): void {
  const dynamic = dynamicSymbolTable(view);
  list.addMany(Sym, dynamic?.offset, dynamic?.count ?? 0);
  list.addMany(Half, offsetOf(view, DT.DT_VERSYM), dynamic?.count ?? 0);
  for (const {sh_type, sh_offset, sh_size} of view.sectionHeaders)
    if (sh_type === SHT.SHT_SYMTAB) list.addWhole(Sym, sh_offset, sh_size);
}

function placeNotes(view: ElfView, list: RecordList): void {
  const {elfClass} = view.format;
  for (const {offset, name, type, description} of [...readSectionNotes(view), ...readNotes(view)]) {
    list.add(Nhdr, offset);
    if (name !== 'GNU' || description.length === 0) continue;
    // The name of a GNU note is one word long.
    const content = offset + Nhdr.size(elfClass) + 4;
    if (type === 1) list.add(AbiTag, content);
    if (type !== 5) continue;
    list.add(Property, content);
    list.add(PropertyBits, content + Property.size(elfClass));
  }
}

function placeVersions(view: ElfView, list: RecordList): void {
  for (const {offset, versions} of readNeededVersions(view)) {
    list.add(Verneed, offset);
    for (const version of versions) list.add(Vernaux, version.offset);
  }
  for (const {offset, names} of readDefinedVersions(view)) {
    list.add(Verdef, offset);
    for (const name of names) list.add(Verdaux, name.offset);
  }
}

function placeHashTables(view: ElfView, list: RecordList): void {
  const {elfClass} = view.format;
  const hash = offsetOf(view, DT.DT_HASH);
  if (hash !== undefined) {
    const [header, word] = hashWordSize(view) === 8 ? [WideHashHeader, Wide] : [HashHeader, Word];
    const {nbucket, nchain} = readHashHeader(view, hash);
    list.add(header, hash);
    list.addMany(word, hash + header.size(elfClass), nbucket + nchain);
  }
  const table = gnuHashTable(view);
  if (table === undefined) return;
  const {header, symbolCount = header.symoffset} = table;
  list.add(GnuHashHeader, table.offset);
  list.addMany(Wide, table.bloom, header.bloom_size);
  list.addMany(Word, table.buckets, header.nbuckets + symbolCount - header.symoffset);
}

/** True for a file that the loader maps, whose tables are worth byte-swapping. */
export function isMapped(view: ElfView): boolean {
  return view.segment(PT.PT_LOAD) !== undefined;
}

/**
 * The same file with its headers and the loader's tables in the other byte order; code and data are unchanged. The
 * fixtures have no 32-bit big-endian toolchain.
 */
export function turnByteOrder(bytes: Uint8Array, view: ElfView): Uint8Array {
  const turned = new Uint8Array(bytes);
  const other: Format = {...view.format, littleEndian: !view.format.littleEndian};
  for (const {type, offset} of placeRecords(view)) {
    const record = type.decode(bytes, view.format, offset);
    if ('EI_DATA' in record) record.EI_DATA = other.littleEndian ? 1 : 2;
    turned.set(type.encode(record, other), offset);
  }
  return turned;
}
