import {SHF, SHT} from './constants.js';
import type {ElfView} from './view.js';

/**
 * Whether the bytes of a segment are in another file: `objcopy --only-keep-debug` leaves the program headers, and of
 * the sections in them only the headers. The thread-local .tbss has the address of whatever follows it.
 */
export function isWithoutBytes(view: ElfView, p_type: number): boolean {
  const segment = view.segment(p_type);
  if (segment === undefined || segment.p_memsz === 0) return false;
  return view.sectionHeaders.some(
    ({sh_type, sh_flags, sh_addr, sh_size}) =>
      sh_type === SHT.SHT_NOBITS &&
      (sh_flags & SHF.SHF_TLS) === 0 &&
      sh_addr === segment.p_vaddr &&
      sh_size > 0 &&
      sh_size <= segment.p_memsz,
  );
}
