import {type ByteSource, checkRange} from './source.js';

/** Read from bytes that are in memory already. */
export function bufferSource(bytes: Uint8Array, path?: string): ByteSource {
  // A Node Buffer's slice() shares its memory; a copy made with it would write into the caller's bytes.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const source: ByteSource = {
    path,
    size: plain.length,
    read(offset, length) {
      checkRange(source, offset, length);
      return plain.subarray(offset, offset + length);
    },
  };
  return source;
}
