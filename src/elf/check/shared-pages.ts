/*
 * Segments that share a page of the size that one of them was linked for. A segment for kernels with 16 or 64 KiB pages
 * says so in p_align. If the next LOAD is aligned only for smaller pages, as older patchers make it, such a kernel maps
 * it over the end of its neighbour. Two LOADs that both ask for small pages promise nothing to such a kernel, whatever
 * a third asks for. Alignments above 64 KiB ask for huge pages and are not any kernel's page size; nor are those above
 * 4 KiB on machines where every kernel has 4 KiB pages: there a section asked for them.
 */
import {hex} from '../../errors.js';
import {PT} from '../constants.js';
import {machineOf} from '../machine.js';
import {Phdr} from '../records.js';
import type {ElfView} from '../view.js';
import type {Problem} from './problem.js';

const smallestPage = 0x1000;
const mostPage = 0x10000;

export function* checkSharedPages(view: ElfView): Generator<Problem> {
  const loads = view.programHeaders
    .map((load, index) => ({...load, index}))
    .filter(({p_type, p_memsz}) => p_type === PT.PT_LOAD && p_memsz > 0);
  if (view.segment(PT.PT_DYNAMIC) === undefined) return;
  const largestPage = Math.min(mostPage, machineOf(view).maxPageSize);
  for (const [i, load] of loads.entries()) {
    const before = loads[i - 1];
    if (before === undefined) continue;
    const claimed = Math.max(before.p_align, load.p_align);
    if (claimed <= smallestPage || claimed > largestPage || !isOver(before, load, BigInt(claimed))) continue;
    yield {
      code: 'SHARED_PAGE',
      message: `segment ${load.index} (PT_LOAD): shares a page of ${hex(claimed)} bytes with segment ${before.index}, although one of them is aligned for pages of this size`,
      offset: view.header.e_phoff + load.index * Phdr.size(view.format.elfClass),
    };
  }
}

/**
 * Two LOADs that map the same file bytes to a page with the same permissions do not conflict, unless the first has
 * zeros there that are not in the file.
 */
function isOver(before: Phdr, load: Phdr, page: bigint): boolean {
  const last = before.p_vaddr + BigInt(before.p_memsz) - 1n;
  if (last / page !== load.p_vaddr / page) return false;
  const distance = ({p_vaddr, p_offset}: Phdr) => p_vaddr - BigInt(p_offset);
  return (
    before.p_memsz > before.p_filesz || before.p_flags !== load.p_flags || distance(before) !== distance(load)
  );
}
