/*
 * The range of a packed file that the handler serves from: loader and libraries one after another. With fixed addresses
 * each of them is laid out as in memory if possible, to be used in place, and what that leaves out of the original
 * files follows.
 */
import {roundUp} from '../elf/notes.js';
import type {ElfView} from '../elf/view.js';
import {type MemoryLayout, memoryLayout} from './fixed/memory-layout.js';
import {mostCopied} from './fixed/segment-copy.js';

/** A file in the range. */
export interface InRange {
  readonly view: ElfView;
  /** From the start of the range. */
  readonly offset: number;
  /** Undefined for a file that is stored unchanged. */
  readonly layout: MemoryLayout | undefined;
  /** Where the original goes on after `layout.cut`. */
  readonly rest: number;
}

export interface ServedRange {
  readonly files: readonly InRange[];
  /** Bytes that are used in place. */
  readonly ready: number;
  readonly size: number;
}

/** Lay out the range. */
export function layOutRange(views: readonly ElfView[], page: number, fixed: boolean): ServedRange {
  let size = 0;
  const take = (length: number) => {
    const offset = size;
    size = roundUp(size + length, page);
    return offset;
  };
  let copied = 0;
  const heads = views.map((view) => {
    const found = fixed ? memoryLayout(view, page) : undefined;
    const bytes = found?.copied.reduce((sum, {p_filesz}) => sum + p_filesz, 0) ?? 0;
    const layout = copied + bytes > mostCopied ? undefined : found;
    if (layout !== undefined) copied += bytes;
    return {view, layout, offset: take(layout === undefined ? view.source.size : roomFor(layout))};
  });
  const ready = size;
  const files = heads.map((head) => ({
    ...head,
    rest: head.layout === undefined ? 0 : take(head.view.source.size - head.layout.cut),
  }));
  return {files, ready, size};
}

/** Where segments are aligned to more than a page, the loader takes this much, and gives the end back (stub.c: reserve). */
function roomFor({span, align}: MemoryLayout): number {
  return align > 4096 ? span + align : span;
}
