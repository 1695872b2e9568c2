import {checkRange} from './source.js';
/** Read from bytes that are in memory already. */
export function bufferSource(bytes, path) {
  // A Node Buffer's slice() shares its memory; whoever copies with it would write into the caller's bytes.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const source = {
    path,
    size: plain.length,
    read(offset, length) {
      checkRange(source, offset, length);
      return plain.subarray(offset, offset + length);
    },
  };
  return source;
}
//# sourceMappingURL=buffer.js.map
