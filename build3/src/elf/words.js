/** Read a list of 32-bit words. */
export function readWords({source, format}, offset, count) {
  const bytes = source.read(offset, count * 4);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({length: count}, (_, i) => data.getUint32(i * 4, format.littleEndian));
}
/** The bytes of a list of words, each 4 or 8 bytes wide. */
export function encodeWords(words, {littleEndian}, width = 4) {
  const data = new DataView(new ArrayBuffer(words.length * width));
  words.forEach((word, i) => {
    if (width === 4) data.setUint32(i * width, word, littleEndian);
    else data.setBigUint64(i * width, BigInt(word), littleEndian);
  });
  return new Uint8Array(data.buffer);
}
//# sourceMappingURL=words.js.map
