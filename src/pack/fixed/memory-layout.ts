/*
 * How a library is in memory, if it can be like that in the packed file, too: its segments as far from one another as in
 * memory, so that one LOAD maps them all, and the handler only has to set protections.
 *
 * In nearly every library the segments that are not written to come first, and are in memory as in the file. That much,
 * up to the page `cut`, is also the original; the rest of the original is stored separately.
 */
import {PF, PT} from '../../elf/constants.js';
import {roundUp} from '../../elf/notes.js';
import type {Phdr} from '../../elf/records.js';
import type {ElfView} from '../../elf/view.js';

export interface MemoryLayout {
  /** The largest p_align, at least a page of 4 KiB. */
  readonly align: number;
  /** Bytes of memory, whole pages. */
  readonly span: number;
  /** Bytes of the file at its start that are the original's, whole pages. */
  readonly cut: number;
  /** Where the segments among them end. */
  readonly end: number;
  /** The segments that follow. */
  readonly copied: readonly Phdr[];
}

/** Linkers make up to six. Each relocation is looked for in all of them, and a hostile file may have millions of both. */
const mostSegments = 64;
/** More zeros than this are not put into the file for a library's BSS. */
const mostZeros = 1 << 24;
const smallestPage = 4096;

/** Lay out a library; undefined for one that is to stay relocatable. */
export function memoryLayout(view: ElfView, largestPage: number): MemoryLayout | undefined {
  const loads = view.segments(PT.PT_LOAD);
  if (loads.length > mostSegments) return undefined;
  const align = loads.reduce((most, {p_align}) => Math.max(most, p_align), smallestPage);
  const first = loads.findIndex(isMoved);
  const [before, data, last] = [loads[first - 1], loads[first], loads.at(-1)];
  if (before === undefined || data === undefined || last === undefined || align > largestPage)
    return undefined;
  if (!loads.every((load, i) => isInOrder(load, loads[i - 1], align, view.source.size))) return undefined;
  const span = roundUp(Number(last.p_vaddr) + last.p_memsz, align);
  if (span > view.source.size + mostZeros) return undefined;
  const start = Math.min(data.p_offset, Number(data.p_vaddr));
  const end = before.p_offset + before.p_filesz;
  return {align, span, cut: start - (start % align), end, copied: loads.slice(first)};
}

/** Whether the pages of a segment are elsewhere in memory than in the file, or not the same. */
function isMoved({p_flags, p_offset, p_vaddr}: Phdr): boolean {
  return (p_flags & PF.PF_W) !== 0 || p_vaddr !== BigInt(p_offset);
}

/** Each segment follows the one before it in the file, and in memory on a page of its own. */
function isInOrder(
  {p_offset, p_vaddr, p_filesz, p_memsz, p_align}: Phdr,
  before: Phdr | undefined,
  page: number,
  fileSize: number,
): boolean {
  const isAligned =
    p_align >= smallestPage && page % p_align === 0 && (Number(p_vaddr) - p_offset) % page === 0;
  if (!isAligned || p_filesz > p_memsz || p_offset + p_filesz > fileSize) return false;
  if (before === undefined) return p_offset === 0;
  const end = Number(before.p_vaddr) + before.p_memsz;
  return (
    p_offset >= before.p_offset + before.p_filesz && Number(p_vaddr) - (p_offset % page) >= roundUp(end, page)
  );
}
