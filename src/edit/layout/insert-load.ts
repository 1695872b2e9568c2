/*
 * Add a LOAD and its entry in the table, which has room for it already (appended-segment.ts).
 */
import {PT} from '../../elf/constants.js';
import type {Phdr} from '../../elf/records.js';
import type {Draft} from './draft.js';
import {headroom} from './find-appended-segment.js';
import {type LoadContent, placeLoad} from './place-load.js';

/** A LOAD to add; the caller gets `size` bytes of it, after the headroom. */
export interface WantedLoad {
  readonly flags: number;
  readonly size: number;
}

/** Add a LOAD at the end of the file. `content` describes what it will hold after growing. */
export function insertLoad(
  draft: Draft,
  {flags, size}: WantedLoad,
  content: Partial<LoadContent> = {},
): Phdr {
  dropNull(draft);
  const wanted = {size, holdsTable: false, ...content};
  const {offset, address, align} = placeLoad(draft, {...wanted, size: headroom + wanted.size});
  const load: Phdr = {
    p_type: PT.PT_LOAD,
    p_flags: flags,
    p_offset: offset,
    p_vaddr: address,
    p_paddr: address,
    p_filesz: headroom + size,
    p_memsz: headroom + size,
    p_align: align,
  };
  const {programHeaders} = draft;
  // An unused LOAD may be anywhere in the table, whatever its address.
  const last = programHeaders.findLastIndex(
    (phdr) => phdr.p_type === PT.PT_LOAD && phdr.p_vaddr < address && !isUnused(draft, phdr),
  );
  programHeaders.splice(last + 1, 0, load);
  draft.reach(offset + headroom + size);
  return load;
}

/** Remove an unused entry, if any, so that its slot can be reused. */
export function dropNull(draft: Draft): void {
  const {programHeaders} = draft;
  const index = programHeaders.findIndex((phdr) => isUnused(draft, phdr));
  if (index >= 0) programHeaders.splice(index, 1);
}

/**
 * PT_NULL, or a LOAD that maps nothing: strip and objcopy turn a LOAD that an edit emptied into one. The first LOAD
 * never counts as unused, since kernels derive the load address from it.
 */
export function isUnused(draft: Draft, phdr: Phdr): boolean {
  if (phdr.p_type === PT.PT_NULL) return true;
  const isEmpty = phdr.p_type === PT.PT_LOAD && phdr.p_memsz === 0 && phdr.p_filesz === 0;
  return (
    isEmpty &&
    phdr !== draft.appended &&
    phdr !== draft.programHeaders.find(({p_type}) => p_type === PT.PT_LOAD)
  );
}
