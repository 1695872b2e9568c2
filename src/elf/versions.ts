/*
 * Symbol version tables: DT_VERNEED (which versions the file needs from which library) and DT_VERDEF (which it
 * defines). Both are linked lists of records, each with a list of its own; the links are byte distances. A walk follows
 * at most as many links as DT_VERNEEDNUM or DT_VERDEFNUM and the records' own counts allow, and never goes backwards,
 * so a damaged table cannot trap it.
 */
import {ElfError} from '../errors.js';
import {DT} from './constants.js';
import {memoizedPerView} from './memoized.js';
import {Verdaux, Verdef, Vernaux, Verneed} from './records.js';
import type {ElfView} from './view.js';

/** The DT_VERSYM index of a symbol with no particular version. */
export const VER_NDX_GLOBAL = 1;

/** The number of a version in DT_VERSYM or vna_other, without the bit that hides the symbol. */
export function versionIndex(value: number): number {
  return value & 0x7fff;
}

/** One library in DT_VERNEED, with the versions needed from it. */
export interface NeededVersions {
  readonly record: Verneed;
  /** File offset of the record. */
  readonly offset: number;
  readonly versions: readonly {readonly record: Vernaux; readonly offset: number}[];
}

/** One version of DT_VERDEF; the first name is its own, the others are its parents. */
interface DefinedVersion {
  readonly record: Verdef;
  readonly offset: number;
  readonly names: readonly {readonly record: Verdaux; readonly offset: number}[];
}

/** Read DT_VERNEED; empty when there is none. @throws ElfError when the table is damaged */
export const readNeededVersions: (view: ElfView) => readonly NeededVersions[] = memoizedPerView((view) => {
  const reader = new RecordReader(view);
  return walk(view, DT.DT_VERNEED, DT.DT_VERNEEDNUM, (offset) => {
    const record = reader.read(Verneed, offset);
    const versions = walkAux(reader, Vernaux, offset + record.vn_aux, record.vn_cnt, (aux) => aux.vna_next);
    return {item: {record, offset, versions}, next: record.vn_next};
  });
});

/** Read DT_VERDEF; empty when there is none. @throws ElfError when the table is damaged */
export const readDefinedVersions: (view: ElfView) => readonly DefinedVersion[] = memoizedPerView((view) => {
  const reader = new RecordReader(view);
  return walk(view, DT.DT_VERDEF, DT.DT_VERDEFNUM, (offset) => {
    const record = reader.read(Verdef, offset);
    const names = walkAux(reader, Verdaux, offset + record.vd_aux, record.vd_cnt, (aux) => aux.vda_next);
    return {item: {record, offset, names}, next: record.vd_next};
  });
});

function walk<T>(
  view: ElfView,
  tableTag: bigint,
  countTag: bigint,
  read: (offset: number) => {item: T; next: number},
): T[] {
  const address = view.dynamic?.value(tableTag);
  if (address === undefined) return [];
  const count = Number(view.dynamic?.value(countTag) ?? 0n);
  let offset = view.offsetOfTable(tableTag);
  if (offset === undefined) {
    throw new ElfError('BAD_ELF', 'a version table is outside the file', {path: view.path, value: address});
  }
  const items: T[] = [];
  while (items.length < count) {
    const {item, next} = read(offset);
    items.push(item);
    if (next === 0) break;
    offset += next;
  }
  return items;
}

function walkAux<T>(
  reader: RecordReader,
  type: ReadableType<T>,
  start: number,
  count: number,
  next: (record: T) => number,
): {record: T; offset: number}[] {
  const items: {record: T; offset: number}[] = [];
  let offset = start;
  while (items.length < count) {
    const record = reader.read(type, offset);
    items.push({record, offset});
    if (next(record) === 0) break;
    offset += next(record);
  }
  return items;
}

interface ReadableType<T> {
  size(elfClass: 32 | 64): number;
  decodeIn(data: DataView, format: ElfView['format'], offset: number): T;
}

/** More records than any file has (libc.so.6 has about 80). Overlapping lists share this limit. */
const mostRecords = 1 << 16;

/** Records of one table mostly follow one another, so one read serves many of them. */
const windowLength = 1024;

class RecordReader {
  readonly #view: ElfView;
  #left = mostRecords;
  #start = 0;
  #window: DataView = new DataView(new ArrayBuffer(0));

  constructor(view: ElfView) {
    this.#view = view;
  }

  read<T>(type: ReadableType<T>, offset: number): T {
    const {format, path} = this.#view;
    this.#left -= 1;
    if (this.#left < 0) {
      throw new ElfError('BAD_ELF', 'a version table does not end', {
        path,
        offset,
        expected: `at most ${mostRecords} records`,
      });
    }
    const size = type.size(format.elfClass);
    if (offset < this.#start || offset + size > this.#start + this.#window.byteLength)
      this.#moveTo(offset, size);
    return type.decodeIn(this.#window, format, offset - this.#start);
  }

  #moveTo(offset: number, size: number): void {
    const {source} = this.#view;
    const length = Math.max(size, Math.min(windowLength, source.size - offset));
    const bytes = source.read(offset, length);
    this.#start = offset;
    this.#window = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
}
