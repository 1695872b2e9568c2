import {ElfError} from '../errors.js';
import type {ByteSource} from '../source/source.js';

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/**
 * Decode the bytes of a name. Names are UTF-8 in practice; other bytes become U+FFFD, which is good only for display.
 */
export function decodeString(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Encode text as a C string, including the terminating NUL. */
export function encodeString(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}

/**
 * Turn each byte into the character with the same number, for comparing, hashing and searching, not for display. An
 * offset in the text is the offset in the bytes. TextDecoder cannot do this: its "latin1" is windows-1252, which newer
 * versions of Node implement exactly, so 0x80 becomes U+20AC.
 */
export function byteString(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += mostArguments)
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + mostArguments) as unknown as number[]);
  return text;
}

/** The most arguments to pass in one call. */
const mostArguments = 4096;

/** Encode text as UTF-8 in the form that `byteString` returns. */
export function toByteString(text: string): string {
  return byteString(encoder.encode(text));
}

/** How many bytes to read first when looking for the end of a string; nearly all strings are shorter. */
const pieceLength = 64;

/** No name or list of paths is longer. The search for the end stops here: in a damaged file there may be none. */
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

/** Like `readStringBytes`, but returns text. */
export function readString(
  source: ByteSource,
  tableOffset: number,
  tableSize: number,
  index: number,
): string {
  return decodeString(readStringBytes(source, tableOffset, tableSize, index));
}

/** In bytes; the largest string tables on a Debian system are 30 MB. */
const largestTable = 1 << 26;

/** The bytes of a string table by offset in the table; there are none past its end. */
interface TableBytes {
  /** The whole string that starts at an offset. */
  at(start: number): Uint8Array;
  /** At most `length` bytes, starting at an offset. */
  slice(start: number, length: number): Uint8Array;
}

/** A table of ordinary size is read whole; a larger one, usually just a damaged size, is read string by string. */
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
 * Strings with the same ending may share it, so together the strings of a table can be a little longer than the table.
 * With thousands of references into one endless string, they would not fit in any memory.
 */
export class StringBudget {
  #left: number;
  readonly #facts: {readonly path: string | undefined; readonly expected: string};

  constructor({path}: Pick<ByteSource, 'path'>, tableSize: number) {
    this.#left = sharing * tableSize + longestString;
    this.#facts = {path, expected: `at most ${this.#left} bytes of names in a table of ${tableSize}`};
  }

  /** @throws ElfError BAD_ELF when the strings taken so far add up to more than an undamaged table can hold */
  take(length: number): void {
    this.spend(length);
    if (this.#left < 0) throw new ElfError('BAD_ELF', 'strings overlap excessively', this.#facts);
  }

  /** Like `take`, but leaves the error to the next `take`. */
  spend(length: number): void {
    this.#left -= length;
  }
}

/** The strings of a table may add up to this many times its size; the highest ratio on a Debian system is below 2. */
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

  /** @throws ElfError BAD_ELF when the string has no end, or when the strings read so far add up to too many bytes */
  at(index: number): string {
    let text = this.#known.get(index);
    if (text !== undefined) return text;
    // Bytes that are searched in vain count too.
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

/** Join byte arrays into one. */
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
