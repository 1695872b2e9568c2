import {createHash} from 'node:crypto';
import type {OnProgress} from './progress.js';
import {type ByteSource, readInPieces} from './source.js';

/** The SHA-256 of a source's bytes, in 64 lowercase hexadecimal digits. It is read to the end, a megabyte at a time. */
export function hashOf(source: ByteSource, onProgress: OnProgress = () => {}): string {
  const hash = createHash('sha256');
  const {path = '', size: total} = source;
  const visit = (bytes: Uint8Array, done: number) => {
    onProgress({step: 'reading', path, done, total});
    hash.update(bytes);
    return undefined;
  };
  readInPieces(source, 0, total, visit, 1 << 20);
  return hash.digest('hex');
}
