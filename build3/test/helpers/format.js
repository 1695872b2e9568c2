/** {32, 64} x {little, big endian}. */
export const formats = [32, 64].flatMap((elfClass) =>
  [true, false].map((littleEndian) => ({elfClass, littleEndian})),
);
/** As in "64-bit big endian". */
export function describeFormat({elfClass, littleEndian}) {
  return `${elfClass}-bit ${littleEndian ? 'little' : 'big'} endian`;
}
//# sourceMappingURL=format.js.map
