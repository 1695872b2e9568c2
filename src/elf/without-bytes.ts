/*
 * `objcopy --only-keep-debug` and `eu-strip -f` leave the program headers unchanged, but keep only the headers of the
 * sections in those segments. The bytes of such a segment are in another file; its offset in this file holds something
 * else, or nothing.
 */
import {SHF, SHT} from './constants.js';
import type {Phdr, Shdr} from './records.js';

/** The parts of a view that need no bytes. */
interface Headers {
  readonly sectionHeaders: readonly Shdr[];
  segment(p_type: number): Phdr | undefined;
}

/**
 * Whether a section has bytes in the file: not .bss, and not an inactive header, whose other fields mean nothing
 * (gABI, SHT_NULL).
 */
export function hasFileBytes({sh_type}: Pick<Shdr, 'sh_type'>): boolean {
  return sh_type !== SHT.SHT_NULL && sh_type !== SHT.SHT_NOBITS;
}

/**
 * Whether the bytes of a segment are in another file. Thread-local .tbss does not count: it has the address of whatever
 * follows it.
 */
export function isWithoutBytes(view: Headers, p_type: number): boolean {
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

/** Whether a file keeps only what debuggers read: except for notes, it has no bytes of any loaded section. */
export function isDebugFile({sectionHeaders}: Pick<Headers, 'sectionHeaders'>): boolean {
  const loaded = sectionHeaders.filter(
    ({sh_type, sh_flags, sh_size}) =>
      (sh_flags & SHF.SHF_ALLOC) !== 0 && sh_type !== SHT.SHT_NOTE && sh_size > 0,
  );
  return loaded.length > 0 && loaded.every(({sh_type}) => sh_type === SHT.SHT_NOBITS);
}
