import type {ByteSource} from './source.js';

/** Larger than any loader or C library, in bytes. */
const longestLibrary = 1 << 26;

/**
 * The bytes of a loader or a C library in the form that `byteString` (elf/strings.ts) returns, but much faster: this
 * uses Buffer, which the engine avoids. Only the first 64 MiB of a larger file are read: V8 has no strings of half a
 * gigabyte.
 */
export function libraryText(source: ByteSource): string {
  const bytes = source.read(0, Math.min(source.size, longestLibrary));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
