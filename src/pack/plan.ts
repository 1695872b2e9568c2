import type {PackedContents} from '../elf/packed.js';

/** A range of the packed file: bytes that were made, or bytes of a part. What is between pieces is zero. */
export type PackPiece = {
  /** File offset. */
  readonly offset: number;
  readonly size: number;
  /** In words, as in "libz.so.1". */
  readonly what: string;
} & (
  | {readonly bytes: Uint8Array}
  | {
      /** Index in `contents.parts`. */
      readonly part: number;
      /** Offset in that part. */
      readonly from: number;
    }
);

/** What a packed file will be: plain data, to be printed, tested, or written. */
export interface PackPlan {
  /** Of the program, for messages. */
  readonly path: string | undefined;
  /** Length of the file in bytes. */
  readonly size: number;
  /** In the order of their offsets; they do not overlap. */
  readonly pieces: readonly PackPiece[];
  readonly contents: PackedContents;
  /** Other things the user should know. */
  readonly notes: readonly string[];
}
