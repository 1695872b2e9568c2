import {SHT} from '../constants.js';
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

/** A separate debug file has the program's segments without their bytes: the sections there are NOBITS. */
export function isWithoutBytes(view: ElfView, p_type: number): boolean {
  const segment = view.segment(p_type);
  return view.sectionHeaders.some(
    ({sh_type, sh_addr}) => sh_type === SHT.SHT_NOBITS && sh_addr === segment?.p_vaddr,
  );
}
