/*
 * The addresses that dynamic relocations hold without naming a symbol: the addend of each DT_RELA or DT_JMPREL entry,
 * and for DT_REL and DT_RELR the word at the place itself. They are the only pointers into a loaded file that a moved
 * table could break, so they are searched before a table is moved.
 */
import type {ByteSource} from '../source/source.js';
import {DT, EM, PT} from './constants.js';
import {Rel, Rela, Relr} from './records.js';
import {
  address,
  type Base,
  baseOf,
  type Column,
  distance,
  read,
  scan,
  type WideColumn,
  wideColumn,
} from './scan.js';
import type {ElfView} from './view.js';

/** Whether a relocation without a symbol holds an address in [start, end). */
export function isAddressRelocated(view: ElfView, start: bigint, end: bigint): boolean {
  const target = {base: baseOf(start), size: Number(end - start)};
  const places = new Places(view, target);
  return (
    relocationTables(view).some((table) =>
      table.hasAddend ? hasAddendIn(view, table, target) : hasPlaceIn(view, table, places),
    ) || hasPackedPlaceIn(view, places)
  );
}

/** The range of addresses that a caller asks about. */
interface Target {
  readonly base: Base;
  readonly size: number;
}

function isInside(far: number, {size}: Target): boolean {
  return far >= 0 && far < size;
}

function hasAddendIn(view: ElfView, table: RelocationTable, target: Target): boolean {
  const symbol = symbolColumn(view, Rela);
  const addend = wideColumn(Rela, 'r_addend', view.format);
  const info = wideColumn(Rela as unknown as typeof Rel, 'r_info', view.format);
  let isFound = false;
  scan(view, Rela, recordsOf(view, table), (words, count) => {
    for (let i = 0, at = 0; i < count; i++, at += addend.step) {
      if (!isInside(distance(words, at, addend, target.base), target)) continue;
      isFound ||= read(words, at, symbol) === 0 && !isThreadLocal(view, address(words, at, info));
    }
    return isFound;
  });
  return isFound;
}

function hasPlaceIn(view: ElfView, table: RelocationTable, places: Places): boolean {
  const symbol = symbolColumn(view, Rel);
  const place = wideColumn(Rel, 'r_offset', view.format);
  const info = wideColumn(Rel, 'r_info', view.format);
  let isFound = false;
  scan(view, Rel, recordsOf(view, table), (words, count) => {
    for (let i = 0, at = 0; i < count && !isFound; i++, at += place.step)
      if (read(words, at, symbol) === 0 && places.holds(distance(words, at, place, places.base)))
        isFound = !isThreadLocal(view, address(words, at, info));
    return isFound;
  });
  return isFound;
}

function hasPackedPlaceIn(view: ElfView, places: Places): boolean {
  let isFound = false;
  eachPackedPlace(view, places.base, (place) => {
    isFound = places.holds(place);
    return isFound;
  });
  return isFound;
}

/**
 * Visit the places of DT_RELR, as distances from a base, until the visitor returns true. An even word is an address; an odd
 * one is a bitmap of the words after the last address (gABI).
 */
export function eachPackedPlace(view: ElfView, base: Base, visit: (place: number) => boolean): void {
  const offset = view.offsetOfTable(DT.DT_RELR);
  const size = Number(view.dynamic?.value(DT.DT_RELRSZ) ?? 0n);
  if (offset === undefined) return;
  const width = view.format.elfClass / 8;
  const entry = wideColumn(Relr, 'entry', view.format);
  let [next, isDone] = [0, false];
  scan(view, Relr, {offset, count: Math.floor(size / width)}, (words, count) => {
    for (let i = 0, at = 0; i < count && !isDone; i++, at += entry.step) {
      if (((words[at + entry.low] as number) & 1) === 0) {
        next = distance(words, at, entry, base);
        isDone = visit(next);
        next += width;
        continue;
      }
      for (let bit = 1; bit < width * 8 && !isDone; bit++) {
        const word = words[at + (bit < 32 ? entry.low : entry.high)] as number;
        if (((word >>> (bit % 32)) & 1) === 1) isDone = visit(next + (bit - 1) * width);
      }
      next += (width * 8 - 1) * width;
    }
    return isDone;
  });
}

/** Words of the image that relocations add to, read through a window, because they are close together. */
class Places {
  /** The address from which places are measured. */
  readonly base: Base;
  readonly #source: ByteSource;
  readonly #format: ElfView['format'];
  readonly #target: Target;
  readonly #loads: readonly {readonly start: number; readonly size: number; readonly offset: number}[];
  #window: DataView = new DataView(new ArrayBuffer(0));
  #start = 0;

  constructor(view: ElfView, target: Target) {
    const loads = view.segments(PT.PT_LOAD);
    const lowest = loads[0]?.p_vaddr ?? 0n;
    this.base = baseOf(lowest);
    this.#source = view.source;
    this.#format = view.format;
    this.#target = target;
    this.#loads = loads.map(({p_vaddr, p_filesz, p_offset}) => ({
      start: Number(p_vaddr - lowest),
      size: p_filesz,
      offset: p_offset,
    }));
  }

  /** Whether the word at a place, given as its distance from `base`, is one of the addresses asked for. */
  holds(place: number): boolean {
    const load = this.#loads.find(({start, size}) => place >= start && place < start + size);
    if (load === undefined) return false;
    const offset = load.offset + place - load.start;
    const {elfClass, littleEndian} = this.#format;
    const width = elfClass / 8;
    if (offset + width > this.#source.size) return false;
    if (offset < this.#start || offset + width > this.#start + this.#window.byteLength) this.#moveTo(offset);
    const at = offset - this.#start;
    const first = this.#window.getUint32(at, littleEndian);
    const {low, high} = this.#target.base;
    if (width === 4) return isInside(first - low, this.#target);
    const second = this.#window.getUint32(at + 4, littleEndian);
    const [lower, upper] = littleEndian ? [first, second] : [second, first];
    return isInside((upper - high) * 2 ** 32 + (lower - low), this.#target);
  }

  #moveTo(offset: number): void {
    const bytes = this.#source.read(offset, Math.min(windowLength, this.#source.size - offset));
    this.#start = offset;
    this.#window = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
}

const windowLength = 1 << 16;

/** The records of a table. */
export function recordsOf({format}: ElfView, {offset, size, hasAddend}: RelocationTable) {
  return {offset, count: Math.floor(size / (hasAddend ? Rela : Rel).size(format.elfClass))};
}

/** Where the symbol's number is in a relocation; see `relocationSymbol`. */
export function symbolColumn({format, header}: ElfView, type: typeof Rel | typeof Rela): Column {
  const info: WideColumn = wideColumn(type as typeof Rel, 'r_info', format);
  const {step} = info;
  if (format.elfClass === 32) return {word: info.low, shift: 8, mask: 0xffffff, step};
  const isFirst = header.e_machine === EM.EM_MIPS && format.littleEndian;
  return {word: isFirst ? info.low : info.high, shift: 0, mask: -1, step};
}

/** One table of relocations that name symbols. */
export interface RelocationTable {
  /** The tag that points at it. */
  readonly tag: bigint;
  /** File offset. */
  readonly offset: number;
  /** Length in bytes. */
  readonly size: number;
  /** Whether the records are DT_RELA's rather than DT_REL's. */
  readonly hasAddend: boolean;
}

/** The tables of DT_RELA, DT_REL and DT_JMPREL; where they overlap, the bytes are listed only once. */
export function relocationTables(view: ElfView): RelocationTable[] {
  const value = (tag: bigint) => view.dynamic?.value(tag);
  const tables = [
    {tag: DT.DT_RELA, size: value(DT.DT_RELASZ), hasAddend: true},
    {tag: DT.DT_REL, size: value(DT.DT_RELSZ), hasAddend: false},
    {tag: DT.DT_JMPREL, size: value(DT.DT_PLTRELSZ), hasAddend: value(DT.DT_PLTREL) === DT.DT_RELA},
  ];
  const listed: RelocationTable[] = [];
  for (const {tag, size, hasAddend} of tables) {
    const offset = view.offsetOfTable(tag);
    if (offset === undefined || size === undefined) continue;
    const before = listed.find((t) => offset >= t.offset && offset < t.offset + t.size);
    const start = before === undefined ? offset : Math.max(offset, before.offset + before.size);
    const length = offset + Number(size) - start;
    if (length > 0) listed.push({tag, offset: start, size: length, hasAddend});
  }
  return listed;
}

/** The symbol number of r_info. 64-bit MIPS stores it as a separate word that comes first in the file. */
export function relocationSymbol({format, header}: ElfView, r_info: bigint): number {
  if (format.elfClass === 32) return Number(r_info >> 8n);
  const isFirst = header.e_machine === EM.EM_MIPS && format.littleEndian;
  return Number(isFirst ? r_info & 0xffffffffn : r_info >> 32n);
}

/**
 * Whether a relocation is for thread-local storage: what looks like an address is then an offset into a thread's block.
 */
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

/** Replace the symbol number in an r_info. */
export function withRelocationSymbol({format, header}: ElfView, r_info: bigint, symbol: number): bigint {
  const number = BigInt(symbol);
  if (format.elfClass === 32) return (number << 8n) | (r_info & 0xffn);
  const isFirst = header.e_machine === EM.EM_MIPS && format.littleEndian;
  return isFirst ? (r_info & ~0xffffffffn) | number : (number << 32n) | (r_info & 0xffffffffn);
}
