/*
 * Segments that share a page of the size for which one of them was linked. A segment for kernels with pages of 16 or
 * 64 KiB says so by p_align. If the next LOAD keeps to smaller pages, as older patchers make them, such a kernel maps it
 * over the end of its neighbour. Two that both ask for small pages promise nothing to such a kernel, whatever a third
 * asks for. Alignments above 64 KiB ask for huge pages, and are not the page size of any kernel; nor are those above 4
 * KiB where each kernel has pages of 4 KiB: a section asked for them.
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
 * Two that map the same bytes of the file to a page, with the same permissions, do not disturb one another, unless the
 * first has zeros there that are not in the file.
 */
function isOver(before: Phdr, load: Phdr, page: bigint): boolean {
  const last = before.p_vaddr + BigInt(before.p_memsz) - 1n;
  if (last / page !== load.p_vaddr / page) return false;
  const distance = ({p_vaddr, p_offset}: Phdr) => p_vaddr - BigInt(p_offset);
  return (
    before.p_memsz > before.p_filesz || before.p_flags !== load.p_flags || distance(before) !== distance(load)
  );
}
