/*
 * Large tables are scanned, not decoded.
 *
 * A program can have a million symbols and relocations. Making a record for each, with a bigint for each address, costs
 * a hundred times as much as looking at the words. So a scan reads a table in pieces of about 64 KiB, as 32-bit words
 * in this processor's byte order, and asks which words of a record hold a field. Both widths and byte orders and the
 * places of fields come from the record's own table (see records.ts). One loop serves them all: which words to look at
 * is decided before it begins.
 *
 *     const name = column(Sym, 'st_name', view.format);
 *     scan(view, Sym, table, (words, count) => {
 *       for (let i = 0, at = 0; i < count; i++, at += name.step) use(read(words, at, name));
 *     });
 *
 * An address has two words, or one in a 32-bit file. A scan never joins them: it only needs to know how far the address
 * is from another one, and that is a number (see `distance`).
 */
import {type ByteSource, checkRange} from '../source/source.js';
import type {Format, RecordType} from './record.js';

/** What a scan needs from a view. */
interface File {
  readonly source: ByteSource;
  readonly format: Format;
}

/** A table of records in the file. */
export interface RecordRange {
  /** File offset of the first record. */
  readonly offset: number;
  /** How many records there are. */
  readonly count: number;
}

/** Where a field of at most 32 bits is: in which word of the record, and where in that word. */
export interface Column {
  readonly word: number;
  readonly shift: number;
  readonly mask: number;
  /** Words of a record. */
  readonly step: number;
}

/** Where an address is; `high` is -1 in a 32-bit file. */
export interface WideColumn {
  readonly low: number;
  readonly high: number;
  /** Words of a record. */
  readonly step: number;
}

type Type<F extends string> = Pick<RecordType<Record<F, never>>, 'size' | 'offsetOf' | 'widthOf'>;

/** Find a field that has at most 32 bits. */
export function column<F extends string>(type: Type<F>, field: F, format: Format): Column {
  const {elfClass, littleEndian} = format;
  const offset = type.offsetOf(field, elfClass);
  const width = type.widthOf(field, elfClass);
  const within = offset % 4;
  return {
    word: (offset - within) / 4,
    // In a word of a big-endian file the first byte is the highest.
    shift: 8 * (littleEndian ? within : 4 - width - within),
    mask: width === 4 ? -1 : (1 << (8 * width)) - 1,
    step: type.size(elfClass) / 4,
  };
}

/** Find a field that is as wide as the class. */
export function wideColumn<F extends string>(type: Type<F>, field: F, format: Format): WideColumn {
  const {elfClass, littleEndian} = format;
  const first = type.offsetOf(field, elfClass) / 4;
  const step = type.size(elfClass) / 4;
  if (elfClass === 32) return {low: first, high: -1, step};
  return littleEndian ? {low: first, high: first + 1, step} : {low: first + 1, high: first, step};
}

/** Read a field of the record that begins at word `at`. */
export function read(words: Uint32Array, at: number, {word, shift, mask}: Column): number {
  return (((words[at + word] as number) >>> shift) & mask) >>> 0;
}

/** An address that others are measured from. */
export interface Base {
  readonly low: number;
  readonly high: number;
}

export function baseOf(address: bigint): Base {
  return {low: Number(address & 0xffffffffn), high: Number((address >> 32n) & 0xffffffffn)};
}

/**
 * How far the address in a record is after a base. Exact up to 2^53; anything farther away is rounded, but never to
 * less than that.
 */
export function distance(words: Uint32Array, at: number, {low, high}: WideColumn, base: Base): number {
  const near = (words[at + low] as number) - base.low;
  return high < 0 ? near : ((words[at + high] as number) - base.high) * 2 ** 32 + near;
}

/** The address itself, for a message. */
export function address(words: Uint32Array, at: number, {low, high}: WideColumn): bigint {
  const near = BigInt(words[at + low] as number);
  return high < 0 ? near : (BigInt(words[at + high] as number) << 32n) | near;
}

/** Bytes that are read at a time. */
const pieceLength = 1 << 16;

/**
 * Visit the records of a table, a piece at a time, until the visitor returns true.
 *
 * @param visit gets the words of the piece, how many records these are, and the number of the first
 */
export function scan(
  {source, format}: File,
  type: Pick<RecordType<never>, 'size'>,
  {offset, count}: RecordRange,
  // biome-ignore lint/suspicious/noConfusingVoidType: most visitors see every record
  visit: (words: Uint32Array, count: number, first: number) => boolean | void,
): void {
  const size = type.size(format.elfClass);
  const most = Math.floor(pieceLength / size);
  for (let first = 0; first < count; first += most) {
    const length = Math.min(most, count - first);
    const bytes = source.read(offset + first * size, length * size);
    if (visit(toWords(bytes, format.littleEndian), length, first) === true) return;
  }
}

/**
 * Read one field of every record. @throws ElfError TRUNCATED, before allocating memory for records that the file cannot
 * hold
 */
export function readColumn<F extends string>(
  file: File,
  type: Type<F>,
  field: F,
  range: RecordRange,
): Uint32Array {
  checkRange(file.source, range.offset, range.count * type.size(file.format.elfClass));
  const found = new Uint32Array(range.count);
  const place = column(type, field, file.format);
  scan(file, type, range, (words, count, first) => {
    for (let i = 0, at = 0; i < count; i++, at += place.step) found[first + i] = read(words, at, place);
  });
  return found;
}

/** Read a list of 32-bit words. */
export function readU32s({source, format}: File, offset: number, count: number): Uint32Array {
  const bytes = source.read(offset, count * 4);
  return toWords(bytes, format.littleEndian);
}

/** Read a list of 16-bit words. */
export function readU16s({source, format}: File, offset: number, count: number): Uint16Array {
  const bytes = source.read(offset, count * 2);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Uint16Array(count);
  for (let i = 0; i < count; i++) found[i] = data.getUint16(i * 2, format.littleEndian);
  return found;
}

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** The same memory if it is aligned and in this byte order, otherwise a copy. */
function toWords(bytes: Uint8Array, littleEndian: boolean): Uint32Array {
  const isSwapped = littleEndian !== isLittleEndian;
  const isReady = !isSwapped && bytes.byteOffset % 4 === 0;
  const own = isReady ? bytes : new Uint8Array(bytes);
  const words = new Uint32Array(own.buffer, own.byteOffset, own.length >> 2);
  if (isSwapped) for (let i = 0; i < words.length; i++) words[i] = swap(words[i] as number);
  return words;
}

function swap(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
