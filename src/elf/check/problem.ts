import type {ElfView} from '../view.js';

/** One thing that is wrong with a file. */
export interface Problem {
  /** Stable, for scripts. */
  readonly code: string;
  /** What is wrong, with the place, in words. */
  readonly message: string;
  /** File offset of the record that says it. */
  readonly offset: number;
}

/** One rule: what it finds wrong, as it finds it. It may throw what the view throws for damage. */
export type Rule = (view: ElfView) => Iterable<Problem>;

/** Is a number a power of two? */
export function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value));
}
