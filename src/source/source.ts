import {ElfError} from '../errors.js';

/**
 * Where bytes come from. Reading is synchronous and by range, so for a file of any size the cost is only what is read.
 */
export interface ByteSource {
  /** The file these bytes belong to, for messages. */
  readonly path: string | undefined;
  /** Length in bytes. */
  readonly size: number;
  /**
   * Read `length` bytes at `offset`. The result may share memory with the source: do not write to it.
   *
   * @throws ElfError TRUNCATED when the range is not inside the source
   */
  read(offset: number, length: number): Uint8Array;
}

/**
 * Check that a range is inside a source, as each implementation of `read` does first. An empty range is inside any
 * source.
 */
export function checkRange(source: ByteSource, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && (offset + length <= source.size || length === 0)) return;
  throw new ElfError('TRUNCATED', 'the file ends too early', {
    path: source.path,
    offset,
    expected: `${length} bytes`,
    got: `${Math.max(0, source.size - Math.max(0, offset))} bytes`,
    value: length,
  });
}

/**
 * Visit a range of any length in pieces of at most `pieceLength` bytes, so that memory stays bounded.
 * The visitor ends the walk early by returning false.
 */
export function readInPieces(
  source: ByteSource,
  offset: number,
  length: number,
  visit: (bytes: Uint8Array, offset: number) => boolean | undefined,
  pieceLength = 1 << 16,
): void {
  for (let done = 0; done < length; done += pieceLength) {
    const piece = source.read(offset + done, Math.min(pieceLength, length - done));
    if (visit(piece, offset + done) === false) return;
  }
}

/** Whether bytes begin as an ELF file does. */
export function isElfMagic(bytes: Uint8Array): boolean {
  return bytes.length >= elfMagic.length && elfMagic.every((byte, i) => bytes[i] === byte);
}

/** EI_MAG0 to EI_MAG3. */
export const elfMagic = [0x7f, 0x45, 0x4c, 0x46] as const;

/** Whether two byte arrays of the same length are equal. */
export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let at = 0;
  if (a.length >= 64 && a.byteOffset % 4 === 0 && b.byteOffset % 4 === 0) {
    // Compare four at a time if the memory is aligned.
    const words = new Uint32Array(a.buffer, a.byteOffset, a.length >> 2);
    const others = new Uint32Array(b.buffer, b.byteOffset, Math.min(a.length, b.length) >> 2);
    for (let i = 0; i < words.length; i++) if (words[i] !== others[i]) return false;
    at = words.length * 4;
  }
  for (; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Whether every byte of a range is zero; the range may be a hole of a gigabyte. */
export function isZero(source: Pick<ByteSource, 'read'>, offset: number, length: number): boolean {
  const pieceLength = 1 << 20;
  for (let done = 0; done < length; done += pieceLength) {
    const piece = source.read(offset + done, Math.min(pieceLength, length - done));
    if (leadingZeros(piece) < piece.length) return false;
  }
  return true;
}

/** How many bytes are zero before the first that is not: four at a time once memory is aligned. */
export function leadingZeros(bytes: Uint8Array): number {
  const {buffer, byteOffset, length} = bytes;
  let at = 0;
  const isZeroTo = (end: number) => {
    while (at < end && bytes[at] === 0) at += 1;
    return at >= end;
  };
  if (!isZeroTo(Math.min(length, -byteOffset & 3)) || at === length) return at;
  const words = new Uint32Array(buffer, byteOffset + at, (length - at) >> 2);
  let zeros = 0;
  while (zeros < words.length && words[zeros] === 0) zeros += 1;
  at += zeros * 4;
  isZeroTo(length);
  return at;
}
