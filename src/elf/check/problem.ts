import type {ElfView} from '../view.js';

/** One thing that is wrong with a file. */
export interface Problem {
  /** Stable, for scripts. */
  readonly code: string;
  /** What is wrong and where, in words. */
  readonly message: string;
  /** File offset of the faulty record. */
  readonly offset: number;
}

/** A rule yields problems as it finds them. It may throw what the view throws for a damaged file. */
export type Rule = (view: ElfView) => Iterable<Problem>;

/** Whether a number is a power of two. */
export function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value));
}
