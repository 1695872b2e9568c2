import {SHT} from '../constants.js';
/** Is a number a power of two? */
export function isPowerOfTwo(value) {
  return value > 0 && Number.isInteger(Math.log2(value));
}
/** A separate debug file has the program's segments without their bytes: the sections there are NOBITS. */
export function isWithoutBytes(view, p_type) {
  const segment = view.segment(p_type);
  return view.sectionHeaders.some(
    ({sh_type, sh_addr}) => sh_type === SHT.SHT_NOBITS && sh_addr === segment?.p_vaddr,
  );
}
//# sourceMappingURL=problem.js.map
