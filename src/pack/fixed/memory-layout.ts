/*
 * The layout of a library in memory, if it can have the same one in the packed file: its segments are as far apart as
 * in memory, so that one LOAD maps them all, and the handler only has to set protections.
 *
 * In nearly every library the read-only segments come first, and are the same in memory as in the file. That part, up
 * to the page `cut`, also serves as the original; the rest of the original is stored separately.
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
  /** Bytes at the start that are the same as in the original file, in whole pages. */
  readonly cut: number;
  /** File offset at which the last segment before the copied ones ends. */
  readonly end: number;
  /** The segments that follow. */
  readonly copied: readonly Phdr[];
}

/**
 * Linkers make up to six. Each relocation is looked up in all of them, and a hostile file may have millions of both.
 */
const mostSegments = 64;
/** At most this many zeros are put into the file for a library's BSS. */
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

/** Whether the pages of a segment are at another place in memory than in the file, or have other contents. */
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
