import type {Range} from '../source/range-set.js';
import type {ByteSource} from '../source/source.js';
import {byteString} from './strings.js';

const pieceSize = 1 << 20;

/**
 * Find text in a range of a file; return the file offset where it begins, or undefined. Each character of the text is
 * one byte, as in `byteString`. Reads a megabyte at a time.
 */
export function findText(source: ByteSource, {offset, size}: Range, text: string): number | undefined {
  for (let done = 0; done < size; done += pieceSize) {
    const bytes = source.read(offset + done, Math.min(pieceSize + text.length, size - done));
    const at = byteString(bytes).indexOf(text);
    if (at >= 0) return offset + done + at;
  }
  return undefined;
}
