import {ElfError} from '../errors.js';
import type {ByteSource} from '../source/source.js';

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Bytes of a name to text. Names are UTF-8 in practice; other bytes become U+FFFD and are only for display. */
export function decodeString(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Text to the bytes of a C string, the terminating NUL included. */
export function encodeString(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}

/**
 * Bytes as one character each, of the same number: for comparing, hashing and searching, not for people. An offset in
 * the text is the offset in the bytes. TextDecoder cannot do it: its "latin1" is windows-1252, which newer versions of
 * Node follow to the letter, so that 0x80 becomes U+20AC.
 */
export function byteString(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += mostArguments)
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + mostArguments) as unknown as number[]);
  return text;
}

/** The most arguments of one call. */
const mostArguments = 4096;

/** Text in that form. */
export function toByteString(text: string): string {
  return byteString(encoder.encode(text));
}

/** How much of a string table is read first while looking for the end of one string; nearly all are shorter. */
const pieceLength = 64;

/** No name and no list of paths is longer. Past this the end is not searched for: a damaged file may have none. */
const longestString = 1 << 20;

/**
 * Read the bytes of one string of a string table, without its NUL.
 *
 * @param tableOffset file offset of the table
 * @param tableSize its length in bytes
 * @param index offset of the string in the table
 * @throws ElfError BAD_ELF when the string starts outside the table, or has no end in it or within 1 MiB
 */
export function readStringBytes(
  source: ByteSource,
  tableOffset: number,
  tableSize: number,
  index: number,
): Uint8Array {
  const limit = Math.min(tableSize, index + longestString);
  for (let length = pieceLength; index < limit; length *= 4) {
    const bytes = source.read(tableOffset + index, Math.min(length, limit - index));
    const end = bytes.indexOf(0);
    if (end >= 0) return bytes.subarray(0, end);
    if (length >= limit - index) break;
  }
  throw badString(source, tableOffset, tableSize, index);
}

function badString({path}: ByteSource, tableOffset: number, tableSize: number, index: number): ElfError {
  const facts = {path, offset: tableOffset + index, value: index};
  if (index >= tableSize) {
    const expected = `an index below ${tableSize}`;
    return new ElfError('BAD_ELF', 'a string is outside its table', {...facts, expected, got: `${index}`});
  }
  const searched = Math.min(tableSize - index, longestString);
  return new ElfError('BAD_ELF', 'a string is not terminated', {
    ...facts,
    expected: `a NUL within ${searched} bytes`,
  });
}

/** The same as text. */
export function readString(
  source: ByteSource,
  tableOffset: number,
  tableSize: number,
  index: number,
): string {
  return decodeString(readStringBytes(source, tableOffset, tableSize, index));
}

/** In bytes; the largest on a Debian system have 30 MB. */
const largestTable = 1 << 26;

/** Bytes of a string table, by offsets there; none past its end. */
interface TableBytes {
  /** The whole string that starts at an offset. */
  at(start: number): Uint8Array;
  /** At most so many bytes from an offset on. */
  slice(start: number, length: number): Uint8Array;
}

/** A table of usual size is read as a whole; a larger one, which a damaged size pretends to be, string by string. */
export function stringsIn(
  source: ByteSource,
  {offset, size}: {readonly offset: number; readonly size: number},
): TableBytes {
  if (size > largestTable) {
    return {
      at: (start) => (start < size ? readStringBytes(source, offset, size, start) : new Uint8Array()),
      slice: (start, length) =>
        source.read(offset + Math.min(start, size), Math.max(0, Math.min(length, size - start))),
    };
  }
  const bytes = source.read(offset, size);
  return {
    at(start) {
      const end = bytes.indexOf(0, start);
      return bytes.subarray(start, end < 0 ? size : end);
    },
    slice: (start, length) => bytes.subarray(start, start + length),
  };
}

/**
 * Strings that end alike may share their ends, so all strings of a table together can be a little longer than it is.
 * Where thousands of references fall into one string without end, they would be longer than any memory.
 */
export class StringBudget {
  #left: number;
  readonly #facts: {readonly path: string | undefined; readonly expected: string};

  constructor({path}: Pick<ByteSource, 'path'>, tableSize: number) {
    this.#left = sharing * tableSize + longestString;
    this.#facts = {path, expected: `at most ${this.#left} bytes of names in a table of ${tableSize}`};
  }

  /** @throws ElfError BAD_ELF when the strings taken so far come to more than a sound table holds */
  take(length: number): void {
    this.spend(length);
    if (this.#left < 0) throw new ElfError('BAD_ELF', 'strings overlap excessively', this.#facts);
  }

  /** The same without an error; the next `take` will have it. */
  spend(length: number): void {
    this.#left -= length;
  }
}

/** How much longer; the largest share on a Debian system is below 2. */
const sharing = 8;

/** Strings by their offset in a table, each read once. */
export class StringReader {
  readonly #source: ByteSource;
  readonly #offset: number;
  readonly #size: number;
  readonly #known = new Map<number, string>();
  readonly #budget: StringBudget;

  constructor(source: ByteSource, {offset, size}: {readonly offset: number; readonly size: number}) {
    this.#source = source;
    this.#offset = offset;
    this.#size = size;
    this.#budget = new StringBudget(source, size);
  }

  /** @throws ElfError BAD_ELF when it has no end, or when the strings read so far are too many */
  at(index: number): string {
    let text = this.#known.get(index);
    if (text !== undefined) return text;
    // What is searched without success counts too.
    const most = Math.min(this.#size - index, longestString);
    this.#budget.take(0);
    try {
      text = readString(this.#source, this.#offset, this.#size, index);
    } finally {
      this.#budget.spend(text?.length ?? most);
    }
    this.#known.set(index, text);
    return text;
  }
}

/** Put pieces of bytes together. */
export function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1 && pieces[0] !== undefined) return pieces[0];
  const result = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    result.set(piece, offset);
    offset += piece.length;
  }
  return result;
}
