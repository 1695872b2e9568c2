import {PF, PT} from './constants.js';
/** Whether a file asks for an executable stack; undefined where it leaves that to the machine's default. */
export function isStackExecutable(view) {
  const stack = view.segment(PT.PT_GNU_STACK);
  return stack && (stack.p_flags & PF.PF_X) !== 0;
}
//# sourceMappingURL=stack.js.map
