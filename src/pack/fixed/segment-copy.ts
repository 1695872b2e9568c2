import type {Phdr} from '../../elf/records.js';
import type {ElfView} from '../../elf/view.js';

/** The pages of a segment as they will be in memory, to be changed. */
export interface SegmentCopy {
  readonly load: Phdr;
  /** Of its first page. */
  readonly address: bigint;
  /** Where that page is in the file. */
  readonly offset: number;
  /** Up to the end of the segment's bytes in the file. */
  readonly bytes: Uint8Array;
}

/** Bytes of segments that are copied and relocated for one packed file: all are in memory at once. */
export const mostCopied = 1 << 28;

/** Copy the pages of a segment, from the start of its first page on. */
export function copySegment({source}: ElfView, load: Phdr, page: number): SegmentCopy {
  const before = load.p_offset % page;
  const offset = load.p_offset - before;
  return {
    load,
    address: load.p_vaddr - BigInt(before),
    offset,
    bytes: source.read(offset, before + load.p_filesz).slice(),
  };
}
