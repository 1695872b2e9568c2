import type {ByteSource} from '../../src/source/source.js';

/** A source that counts what is read through it. */
export interface CountingSource extends ByteSource {
  readonly reads: number;
  readonly bytesRead: number;
}

/** Wrap a source to learn how much of it somebody reads. */
export function countingSource(inner: ByteSource): CountingSource {
  let reads = 0;
  let bytesRead = 0;
  return {
    path: inner.path,
    size: inner.size,
    read(offset, length) {
      reads += 1;
      bytesRead += length;
      return inner.read(offset, length);
    },
    get reads() {
      return reads;
    },
    get bytesRead() {
      return bytesRead;
    },
  };
}
