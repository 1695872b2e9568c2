import type {ByteSource} from './source.js';

/** More than any loader or C library has, in bytes. */
const longestLibrary = 1 << 26;

/**
 * The bytes of a loader or a C library as `byteString` of elf/strings.ts makes them, and much faster: Buffer does it,
 * which the engine goes without. Of a larger file, the first 64 MiB: V8 has no strings of half a gigabyte.
 */
export function libraryText(source: ByteSource): string {
  const bytes = source.read(0, Math.min(source.size, longestLibrary));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
