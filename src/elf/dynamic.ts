/*
 * The dynamic section, as ld.so finds it: by PT_DYNAMIC, up to the first DT_NULL.
 *
 * Most linkers leave more DT_NULLs after that one. An entry can take their place without moving anything, so the view
 * counts them.
 */
import {ElfError} from '../errors.js';
import type {ByteSource} from '../source/source.js';
import {DT} from './constants.js';
import type {Format} from './record.js';
import {RecordTable} from './record-table.js';
import {Dyn, type Phdr} from './records.js';
import {StringReader} from './strings.js';

/** What the section needs from the view that it belongs to. */
export interface DynamicFile {
  readonly source: ByteSource;
  readonly path: string | undefined;
  readonly format: Format;
  offsetOfAddress(address: bigint): number | undefined;
}

/** Where the dynamic string table is. */
export interface StringTable {
  readonly address: bigint;
  readonly offset: number;
  readonly size: number;
}

/** Every tag whose value is an offset into the dynamic string table. */
export const stringTags: ReadonlySet<bigint> = new Set([
  DT.DT_NEEDED,
  DT.DT_SONAME,
  DT.DT_RPATH,
  DT.DT_RUNPATH,
  DT.DT_CONFIG,
  DT.DT_DEPAUDIT,
  DT.DT_AUDIT,
  DT.DT_AUXILIARY,
  DT.DT_FILTER,
]);

/** More entries than any real file has; a damaged one may claim gigabytes of them. */
const mostEntries = 1 << 16;

/** The dynamic section, read from PT_DYNAMIC as ld.so does. */
export class DynamicSection {
  /** File offset of the first entry. */
  readonly offset: number;
  readonly address: bigint;
  /** Slots of the section, the DT_NULLs included. */
  readonly capacity: number;
  /** False when no DT_NULL ends the section: ld.so would read on into whatever follows. */
  readonly terminated: boolean;
  readonly #file: DynamicFile;
  readonly #entries: EntryTable;
  #stringTable: StringTable | undefined;
  #strings: StringReader | undefined;

  constructor(file: DynamicFile, segment: Phdr) {
    const {elfClass} = file.format;
    const size = Dyn.size(elfClass);
    this.#file = file;
    this.offset = segment.p_offset;
    this.address = segment.p_vaddr;
    this.capacity = Math.floor(segment.p_filesz / size);
    const readable = Math.min(this.capacity, mostEntries);
    this.#entries = readEntries(file, segment.p_offset, readable);
    this.terminated = this.#entries.keys.length < readable;
  }

  /** The entries before the first DT_NULL, in order. */
  get entries(): readonly Dyn[] {
    return this.#entries.all;
  }

  /** Only the tags of those entries, which is faster than decoding them. */
  get tags(): readonly bigint[] {
    return this.#entries.keys;
  }

  /** The string that the entry at an index refers to. */
  stringOf(index: number): string {
    return this.stringAt(this.#entries.at(index).d_val);
  }

  /**
   * The value of the last entry with this tag, the one that ld.so uses (it fills l_info in order); undefined when there
   * is none.
   */
  value(d_tag: bigint): bigint | undefined {
    return this.#entries.findLast(d_tag)?.d_val;
  }

  /** The string that the last entry with this tag refers to. */
  string(d_tag: bigint): string | undefined {
    const value = this.value(d_tag);
    return value === undefined ? undefined : this.stringAt(value);
  }

  /** The strings of all entries with this tag, in order. */
  strings(d_tag: bigint): string[] {
    return this.#entries.filter(d_tag).map(({d_val}) => this.stringAt(d_val));
  }

  /** DT_NEEDED, in order. */
  get needed(): string[] {
    return this.strings(DT.DT_NEEDED);
  }

  get soname(): string | undefined {
    return this.string(DT.DT_SONAME);
  }

  get rpath(): string | undefined {
    return this.string(DT.DT_RPATH);
  }

  get runpath(): string | undefined {
    return this.string(DT.DT_RUNPATH);
  }

  /**
   * The dynamic string table, from DT_STRTAB and DT_STRSZ.
   *
   * @throws ElfError BAD_ELF when it is missing or not in the file
   */
  get stringTable(): StringTable {
    this.#stringTable ??= this.#findStringTable();
    return this.#stringTable;
  }

  #findStringTable(): StringTable {
    const address = this.value(DT.DT_STRTAB);
    const size = this.value(DT.DT_STRSZ);
    const offset = address === undefined ? undefined : this.#file.offsetOfAddress(address);
    if (address === undefined || size === undefined || offset === undefined) {
      throw this.#bad('DT_STRTAB does not point to a string table', address);
    }
    if (offset + Number(size) > this.#file.source.size)
      throw this.#bad('DT_STRSZ extends past the end of the file', size);
    return {address, offset, size: Number(size)};
  }

  /** The string at an offset of the dynamic string table. */
  stringAt(index: bigint): string {
    const {stringTable} = this;
    if (index >= BigInt(stringTable.size)) throw this.#bad('a string offset is outside DT_STRTAB', index);
    this.#strings ??= new StringReader(this.#file.source, stringTable);
    return this.#strings.at(Number(index));
  }

  #bad(what: string, value: bigint | undefined): ElfError {
    return new ElfError('BAD_ELF', what, {
      path: this.#file.path,
      offset: this.offset,
      got: value === undefined ? 'nothing' : `0x${value.toString(16)}`,
      value,
    });
  }
}

type EntryTable = RecordTable<Dyn, 'd_tag'>;

/** Few sections have more entries than this. */
const usualEntries = 256;

/** Read up to the first DT_NULL, and not much further: p_filesz of a damaged file may be anything. */
function readEntries({source, format}: DynamicFile, offset: number, capacity: number): EntryTable {
  const size = Dyn.size(format.elfClass);
  for (let count = Math.min(capacity, usualEntries); ; count = Math.min(capacity, count * 16)) {
    const table = new RecordTable(Dyn, 'd_tag', source.read(offset, count * size), format, DT.DT_NULL);
    if (table.keys.length < count || count === capacity) return table;
  }
}
