import {PT} from '../elf/constants.js';
import {pageSizeOf} from '../elf/page-size.js';
import type {Phdr} from '../elf/records.js';
import type {Draft} from './draft.js';

/** How far a LOAD can grow before it reaches a page of the next one. */
export function roomInMemory(draft: Draft, load: Phdr): number {
  const end = load.p_vaddr + BigInt(load.p_memsz);
  const page = BigInt(pageSizeOf(draft.view));
  const following = draft.programHeaders
    .filter((p) => p.p_type === PT.PT_LOAD && p !== load && p.p_vaddr + BigInt(p.p_memsz) > load.p_vaddr)
    .map((p) => p.p_vaddr - (p.p_vaddr % page) - end);
  return following.length === 0
    ? Number.MAX_SAFE_INTEGER
    : Number(following.reduce((a, b) => (b < a ? b : a)));
}
