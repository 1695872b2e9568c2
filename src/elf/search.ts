import type {Range} from '../source/range-set.js';
import type {ByteSource} from '../source/source.js';
import {byteString} from './strings.js';

const pieceSize = 1 << 20;

/**
 * Find text in a range of a file: the offset in the file where it begins, or undefined. The characters of the text
 * are one byte each, as `byteString` has them. Reads a megabyte at a time.
 */
export function findText(source: ByteSource, {offset, size}: Range, text: string): number | undefined {
  for (let done = 0; done < size; done += pieceSize) {
    const bytes = source.read(offset + done, Math.min(pieceSize + text.length, size - done));
    const at = byteString(bytes).indexOf(text);
    if (at >= 0) return offset + done + at;
  }
  return undefined;
}
