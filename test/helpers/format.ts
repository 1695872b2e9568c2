import type {Format} from '../../src/elf/record.js';

/** {32, 64} x {little, big endian}. */
export const formats: readonly Format[] = ([32, 64] as const).flatMap((elfClass) =>
  [true, false].map((littleEndian) => ({elfClass, littleEndian})),
);

/** As in "64-bit big endian". */
export function describeFormat({elfClass, littleEndian}: Format): string {
  return `${elfClass}-bit ${littleEndian ? 'little' : 'big'} endian`;
}
