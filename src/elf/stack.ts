import {PF, PT} from './constants.js';
import type {ElfView} from './view.js';

/** Whether a file asks for an executable stack; undefined if it leaves that to the machine's default. */
export function isStackExecutable(view: ElfView): boolean | undefined {
  const stack = view.segment(PT.PT_GNU_STACK);
  return stack && (stack.p_flags & PF.PF_X) !== 0;
}
