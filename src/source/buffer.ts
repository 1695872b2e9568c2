import {type ByteSource, checkRange} from './source.js';

/** Read from bytes that are in memory already. */
export function bufferSource(bytes: Uint8Array, path?: string): ByteSource {
  const source: ByteSource = {
    path,
    size: bytes.length,
    read(offset, length) {
      checkRange(source, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
  return source;
}
