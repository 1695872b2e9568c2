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

/** A name as one character a byte, whatever its bytes are: for comparing and hashing, not for people. */
export function byteString(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += pieceLength)
    text += String.fromCharCode(...bytes.subarray(at, at + pieceLength));
  return text;
}

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
    return new ElfError('BAD_ELF', 'a string lies outside its table', {...facts, expected, got: `${index}`});
  }
  const searched = Math.min(tableSize - index, longestString);
  return new ElfError('BAD_ELF', 'a string has no end', {
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
