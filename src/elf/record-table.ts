import type {ElfClass, Format} from './record.js';

/**
 * Consecutive records, distinguished by one field: segments by `p_type`, dynamic entries by `d_tag`. That field is
 * decoded at once for every record, the rest of a record only when needed, because a search for one kind needs few
 * records.
 */
export class RecordTable<T, Key extends keyof T> {
  /** The distinguishing field of every record. */
  readonly keys: readonly T[Key][];
  readonly #decode: (index: number) => T;
  readonly #records: T[] = [];
  #isWhole = false;

  /** @param end the key of the record that ends the table, if any; that record is not part of the table */
  constructor(type: TableType<T>, key: Key, bytes: Uint8Array, format: Format, end?: T[Key]) {
    const size = type.size(format.elfClass);
    const keys = type.decodeField(key, bytes, format);
    const length = end === undefined ? -1 : keys.indexOf(end);
    this.keys = length < 0 ? keys : keys.slice(0, length);
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#decode = (index) => type.decodeIn(data, format, index * size);
  }

  /** The record at an index in the table. */
  at(index: number): T {
    this.#records[index] ??= this.#decode(index);
    return this.#records[index];
  }

  /** The first record with a key. */
  find(key: T[Key]): T | undefined {
    const index = this.keys.indexOf(key);
    return index < 0 ? undefined : this.at(index);
  }

  /** The last record with a key. */
  findLast(key: T[Key]): T | undefined {
    const index = this.keys.lastIndexOf(key);
    return index < 0 ? undefined : this.at(index);
  }

  /** Every record with a key, in order. */
  filter(key: T[Key]): T[] {
    const found: T[] = [];
    for (let i = this.keys.indexOf(key); i >= 0; i = this.keys.indexOf(key, i + 1)) found.push(this.at(i));
    return found;
  }

  /** Every record. */
  get all(): readonly T[] {
    if (!this.#isWhole) this.keys.forEach((_, index) => void this.at(index));
    this.#isWhole = true;
    return this.#records;
  }
}

/** What a table needs from the type of its records. */
interface TableType<T> {
  size(elfClass: ElfClass): number;
  decodeIn(data: DataView, format: Format, offset: number): T;
  decodeField<Name extends keyof T>(field: Name, bytes: Uint8Array, format: Format): T[Name][];
}
