/*
 * The file locale-archive, in which glibc keeps the locales that localedef(1) makes (locale/locarchive.h):
 *
 *   struct locarhead     magic, serial, and for each table its offset, the entries used, and its size
 *   struct namehashent   hash of a name, offset of the name, offset of a record; empty ones have 0
 *   struct locrecent     a count, then offset and length of the data of each category
 *
 * All numbers are 32 bits, in the byte order of the machine. The data of a category is what a locale outside the
 * archive stores as a file.
 */
import {decodeString} from '../../elf/strings.js';
import {ElfError} from '../../errors.js';
import type {FileSource} from '../../source/file.js';

/** A category of a locale, and what is in its file. */
export interface LocaleFile {
  /** Below the locale's directory. */
  readonly path: string;
  readonly content: Uint8Array;
}

/** Files of a locale by the numbers of their categories (locale/bits/locale.h); LC_ALL, which is 6, has none. */
const categories: readonly (string | undefined)[] = [
  'LC_CTYPE',
  'LC_NUMERIC',
  'LC_TIME',
  'LC_COLLATE',
  'LC_MONETARY',
  'LC_MESSAGES/SYS_LC_MESSAGES',
  undefined,
  'LC_PAPER',
  'LC_NAME',
  'LC_ADDRESS',
  'LC_TELEPHONE',
  'LC_MEASUREMENT',
  'LC_IDENTIFICATION',
];

const magic = 0xde02_0109;
const headSize = 56;
const nameEntrySize = 12;
const recordSize = 4 + categories.length * 8;
/** No archive of a distribution has more than a thousand names, and no category has more than a few megabytes. */
const mostNames = 1 << 16;
const largestCategory = 1 << 24;
const longestName = 256;

/** An open archive. What is read from it is copied, so the archive can be closed afterwards. */
export class LocaleArchive implements Disposable {
  readonly #source: FileSource;
  readonly #path: string;
  readonly #isLittle: boolean;
  /** Offsets of the records, by the names of the locales. */
  readonly #records = new Map<string, number>();

  /**
   * @param source is closed with the archive
   * @param path for messages
   * @throws ElfError BAD_REQUEST for a file that is not an archive
   */
  constructor(source: FileSource, path: string) {
    this.#source = source;
    this.#path = path;
    const head = this.#read(0, headSize);
    this.#isLittle = head.getUint32(0, true) === magic;
    if (!this.#isLittle && head.getUint32(0) !== magic)
      throw this.#damaged(0, 'the magic number of a locale archive');
    const [at, count] = [head.getUint32(8, this.#isLittle), head.getUint32(16, this.#isLittle)];
    if (count > mostNames) throw this.#damaged(16, `at most ${mostNames} names`);
    const table = this.#read(at, count * nameEntrySize);
    for (let i = 0; i < count * nameEntrySize; i += nameEntrySize) {
      const [name, record] = [table.getUint32(i + 4, this.#isLittle), table.getUint32(i + 8, this.#isLittle)];
      if (name !== 0 && record !== 0) this.#records.set(this.#nameAt(name), record);
    }
  }

  /** At most this many of its names, to be printed. */
  someNames(most: number): string[] {
    return [...this.#records.keys()].slice(0, most);
  }

  has(name: string): boolean {
    return this.#records.has(name);
  }

  /** The files of a locale; undefined for one that is not there. @throws ElfError BAD_REQUEST for a damaged one */
  files(name: string): LocaleFile[] | undefined {
    const record = this.#records.get(name);
    if (record === undefined) return undefined;
    const fields = this.#read(record, recordSize);
    return categories.flatMap((path, i) => {
      const at = fields.getUint32(4 + i * 8, this.#isLittle);
      const size = fields.getUint32(8 + i * 8, this.#isLittle);
      if (path === undefined || size === 0) return [];
      if (size > largestCategory) throw this.#damaged(record, `at most ${largestCategory} bytes of ${path}`);
      return [{path, content: new Uint8Array(this.#read(at, size).buffer)}];
    });
  }

  [Symbol.dispose](): void {
    this.#source.close();
  }

  #nameAt(offset: number): string {
    const size = Math.max(0, Math.min(longestName, this.#source.size - offset));
    const bytes = this.#source.read(Math.min(offset, this.#source.size), size);
    const end = bytes.indexOf(0);
    return decodeString(end < 0 ? bytes : bytes.subarray(0, end));
  }

  #read(offset: number, size: number): DataView {
    if (offset + size > this.#source.size) throw this.#damaged(offset, `${size} bytes`);
    return new DataView(this.#source.read(offset, size).slice().buffer);
  }

  #damaged(offset: number, expected: string): ElfError {
    return new ElfError('BAD_REQUEST', 'the locale archive is damaged', {path: this.#path, offset, expected});
  }
}
