/*
 * The addresses that dynamic relocations hold without naming a symbol: the addend of each DT_RELA or DT_JMPREL
 * entry, and for DT_REL and DT_RELR the word that stands at the place itself. They are the only pointers into a
 * loaded file that a moved table could break, so before one is moved they are looked through.
 */

import type {ByteSource} from '../source/source.js';
import {windowSource} from '../source/window.js';
import {DT, EM} from './constants.js';
import {Rel, Rela} from './records.js';
import type {ElfView} from './view.js';

/** Does a relocation without a symbol hold an address in [start, end)? */
export function isAddressRelocated(view: ElfView, start: bigint, end: bigint): boolean {
  for (const address of relocatedAddresses(view)) if (address >= start && address < end) return true;
  return false;
}

function* relocatedAddresses(view: ElfView): Generator<bigint> {
  const value = (tag: bigint) => view.dynamic?.value(tag);
  yield* addends(view, value(DT.DT_RELA), value(DT.DT_RELASZ));
  yield* wordsAt(view, placesOfRel(view, value(DT.DT_REL), value(DT.DT_RELSZ)));
  const pltSize = value(DT.DT_PLTRELSZ);
  if (value(DT.DT_PLTREL) === DT.DT_RELA) yield* addends(view, value(DT.DT_JMPREL), pltSize);
  else yield* wordsAt(view, placesOfRel(view, value(DT.DT_JMPREL), pltSize));
  yield* wordsAt(view, placesOfRelr(view, value(DT.DT_RELR), value(DT.DT_RELRSZ)));
}

function* records<T>(
  view: ElfView,
  type: {
    size(elfClass: 32 | 64): number;
    decodeIn(data: DataView, format: ElfView['format'], offset: number): T;
  },
  address: bigint | undefined,
  size: bigint | undefined,
): Generator<T> {
  const offset = address === undefined ? undefined : view.offsetOfAddress(address);
  if (offset === undefined || size === undefined) return;
  const step = type.size(view.format.elfClass);
  const end = Math.floor(Number(size) / step) * step;
  const perPiece = 4096 * step;
  for (let start = 0; start < end; start += perPiece) {
    const bytes = view.source.read(offset + start, Math.min(perPiece, end - start));
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += step) yield type.decodeIn(data, view.format, at);
  }
}

function* addends(view: ElfView, address: bigint | undefined, size: bigint | undefined): Generator<bigint> {
  const mask = BigInt.asUintN.bind(undefined, view.format.elfClass);
  for (const {r_info, r_addend} of records(view, Rela, address, size)) {
    if (relocationSymbol(view, r_info) === 0 && !isThreadLocal(view, r_info)) yield mask(r_addend);
  }
}

function* placesOfRel(
  view: ElfView,
  address: bigint | undefined,
  size: bigint | undefined,
): Generator<bigint> {
  for (const {r_info, r_offset} of records(view, Rel, address, size)) {
    if (relocationSymbol(view, r_info) === 0 && !isThreadLocal(view, r_info)) yield r_offset;
  }
}

/** One table of relocations that name symbols. */
export interface RelocationTable {
  /** The tag that points at it. */
  readonly tag: bigint;
  /** File offset. */
  readonly offset: number;
  /** Length in bytes. */
  readonly size: number;
  /** DT_RELA's records, not DT_REL's. */
  readonly hasAddend: boolean;
}

/** The tables of DT_RELA, DT_REL and DT_JMPREL; where one overlaps another, its bytes are listed once. */
export function relocationTables(view: ElfView): RelocationTable[] {
  const value = (tag: bigint) => view.dynamic?.value(tag);
  const tables = [
    {tag: DT.DT_RELA, size: value(DT.DT_RELASZ), hasAddend: true},
    {tag: DT.DT_REL, size: value(DT.DT_RELSZ), hasAddend: false},
    {tag: DT.DT_JMPREL, size: value(DT.DT_PLTRELSZ), hasAddend: value(DT.DT_PLTREL) === DT.DT_RELA},
  ];
  const listed: RelocationTable[] = [];
  for (const {tag, size, hasAddend} of tables) {
    const offset = view.offsetOfAddress(value(tag) ?? 0n);
    if (value(tag) === undefined || offset === undefined || size === undefined) continue;
    const before = listed.find((t) => offset >= t.offset && offset < t.offset + t.size);
    const start = before === undefined ? offset : Math.max(offset, before.offset + before.size);
    const length = offset + Number(size) - start;
    if (length > 0) listed.push({tag, offset: start, size: length, hasAddend});
  }
  return listed;
}

/** The symbol number of r_info. 64-bit MIPS stores it as a word of its own, which comes first in the file. */
export function relocationSymbol({format, header}: ElfView, r_info: bigint): number {
  if (format.elfClass === 32) return Number(r_info >> 8n);
  const isFirst = header.e_machine === EM.EM_MIPS && format.littleEndian;
  return Number(isFirst ? r_info & 0xffffffffn : r_info >> 32n);
}

/** Is it about thread-local storage? Then what looks like an address is an offset into the block of a thread. */
function isThreadLocal(view: ElfView, r_info: bigint): boolean {
  return threadLocal[view.header.e_machine]?.includes(relocationType(view, r_info)) ?? false;
}

/** The type of r_info: the first of three on 64-bit MIPS, and without SPARC's extra data. */
function relocationType({format, header}: ElfView, r_info: bigint): number {
  if (format.elfClass === 32) return Number(r_info & 0xffn);
  if (header.e_machine === EM.EM_MIPS) return Number(format.littleEndian ? r_info >> 56n : r_info & 0xffn);
  return Number(r_info & (header.e_machine === 43 ? 0xffn : 0xffffffffn));
}

/** For each e_machine its dynamic relocations *_DTPMOD*, *_DTPOFF* or *_DTPREL*, *_TPOFF* or *_TPREL*, *_TLSDESC*. */
const threadLocal: Readonly<Record<number, readonly number[]>> = {
  2: [74, 75, 76, 77, 78, 79],
  3: [14, 35, 36, 37, 41],
  4: [40, 41, 42],
  8: [38, 39, 40, 41, 47, 48],
  15: [153, 216, 242, 243, 244, 245],
  18: [74, 75, 76, 77, 78, 79],
  20: [68, 73, 78],
  21: [68, 73, 78],
  22: [54, 55, 56],
  40: [13, 17, 18, 19],
  42: [149, 150, 151],
  43: [74, 75, 76, 77, 78, 79],
  50: [0x96, 0x97, 0xa6, 0xa7, 0xb4, 0xb5, 0xb6, 0xb7],
  62: [16, 17, 18, 36],
  183: [184, 185, 186, 187, 1028, 1029, 1030, 1031],
  243: [6, 7, 8, 9, 10, 11, 12],
  258: [6, 7, 8, 9, 10, 11, 13, 14],
  36902: [31, 33, 38],
};

/** The same r_info with another symbol number. */
export function withRelocationSymbol({format, header}: ElfView, r_info: bigint, symbol: number): bigint {
  const number = BigInt(symbol);
  if (format.elfClass === 32) return (number << 8n) | (r_info & 0xffn);
  const isFirst = header.e_machine === EM.EM_MIPS && format.littleEndian;
  return isFirst ? (r_info & ~0xffffffffn) | number : (number << 32n) | (r_info & 0xffffffffn);
}

/** DT_RELR: an even word is an address; an odd one is a bitmap of the words behind the last address (gABI). */
function* placesOfRelr(
  view: ElfView,
  address: bigint | undefined,
  size: bigint | undefined,
): Generator<bigint> {
  const offset = address === undefined ? undefined : view.offsetOfAddress(address);
  if (offset === undefined || size === undefined) return;
  const source = windowSource(view.source, Math.min(Number(size), 1 << 16));
  const word = view.format.elfClass / 8;
  let base = 0n;
  for (let at = 0; at + word <= Number(size); at += word) {
    const entry = readWord(source, view, offset + at);
    if ((entry & 1n) === 0n) {
      yield entry;
      base = entry + BigInt(word);
      continue;
    }
    for (let bit = 1; bit < word * 8; bit++) {
      if (((entry >> BigInt(bit)) & 1n) === 1n) yield base + BigInt((bit - 1) * word);
    }
    base += BigInt((word * 8 - 1) * word);
  }
}

function* wordsAt(view: ElfView, places: Iterable<bigint>): Generator<bigint> {
  const source = windowSource(view.source);
  const word = view.format.elfClass / 8;
  for (const place of places) {
    const offset = view.offsetOfAddress(place);
    if (offset !== undefined && offset + word <= source.size) yield readWord(source, view, offset);
  }
}

function readWord(source: ByteSource, {format}: ElfView, offset: number): bigint {
  const bytes = source.read(offset, format.elfClass / 8);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return format.elfClass === 64
    ? data.getBigUint64(0, format.littleEndian)
    : BigInt(data.getUint32(0, format.littleEndian));
}
