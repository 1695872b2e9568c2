/*
 * What two segments may share depends on the page size of the target machine, never on that of this one. Linkers store
 * the page size that a file is laid out for in p_align of its LOADs.
 */
import {PT} from './constants.js';
import {machineOf} from './machine.js';
import type {Phdr} from './records.js';
import type {ElfView} from './view.js';

/** Larger than any page; a p_align above this is damage. */
const mostAlign = 2 ** 30;

/** No machine that runs Linux with an MMU has smaller pages. The kernel maps whole pages, whatever p_align says. */
export const smallestPage = 4096;

/** The largest alignment in bytes of any LOAD in the file, which a new LOAD must have too; at least a page. */
export function segmentAlignment(view: ElfView): number {
  return alignments(loadsOf(view)).reduce((largest, align) => Math.max(largest, align), smallestPage);
}

/**
 * The page size in bytes that decides what two LOADs may share: the alignment of the file's own LOADs, unless they
 * share pages of that size already (one section may ask for more than the rest); then the largest page that the
 * machine has.
 */
export function pageSizeOf(view: ElfView): number {
  const largest = segmentAlignment(view);
  if (!sharePages(loadsOf(view), BigInt(largest))) return largest;
  return Math.min(machineOf(view).maxPageSize, largest);
}

function loadsOf({programHeaders}: ElfView): Phdr[] {
  return programHeaders.filter(({p_type, p_memsz}) => p_type === PT.PT_LOAD && p_memsz > 0);
}

function alignments(loads: readonly Phdr[]): number[] {
  return loads
    .map(({p_align}) => p_align)
    .filter((align) => align <= mostAlign && Number.isInteger(Math.log2(align)));
}

function sharePages(loads: readonly Phdr[], page: bigint): boolean {
  return loads.some((load, i) => {
    const before = loads[i - 1];
    return (
      before !== undefined && (before.p_vaddr + BigInt(before.p_memsz) - 1n) / page >= load.p_vaddr / page
    );
  });
}
