/*
 * The appended segment is a LOAD at the end of the file, read-only, that holds only strings and tables that edits put
 * there. Nothing marks it: a file that another tool or an older version left in that shape works too. It must be last
 * in the file, so that it can grow, and each of its bytes must be zero or belong to a table that DT_* entries, segments
 * or section headers describe. So space freed by an earlier edit can be reused by the next, and the file grows with
 * what is needed now, not with the number of edits.
 */
import {PF, PT, SHT} from '../../elf/constants.js';
import type {Phdr} from '../../elf/records.js';
import {isLinkerTable} from '../../elf/table-kinds.js';
import {hasFileBytes} from '../../elf/without-bytes.js';
import type {Range} from '../../source/range-set.js';
import {isZero} from '../../source/source.js';
import type {Draft} from './draft.js';
import {knownRanges} from './occupied.js';
import {mostTried} from './padding.js';
import {roomInMemory} from './place-load.js';
import {isAddressed} from './references.js';

/**
 * Number of zero bytes, belonging to nothing, at the start of each LOAD that we add. If another segment began at the
 * same offset, LLVM's objcopy and strip would treat it as the LOAD's parent and move the LOAD off its page (before
 * version 17; the first one in the table wins).
 */
export const headroom = 16;

/**
 * The LOAD at the end of the file that may grow by `size` bytes; undefined when there is none.
 */
export function findAppended(draft: Draft, size = 0): Phdr | undefined {
  const load = draft.appended ?? findUnmarked(draft);
  return load !== undefined && roomInMemory(draft, load) >= size ? load : undefined;
}

function findUnmarked(draft: Draft): Phdr | undefined {
  const end = endOfLoads(draft);
  return draft.readOnlyLoads
    .filter((load) => load.p_flags === PF.PF_R && load.p_offset + load.p_filesz === end)
    .slice(0, mostTried)
    .find((load) => isLast(draft, load) && holdsOnlyTables(draft, load) && isZeroElsewhere(draft, load));
}

/** The file offset at which the last LOAD ends. */
function endOfLoads({programHeaders}: Draft): number {
  return programHeaders
    .filter(({p_type, p_filesz}) => p_type === PT.PT_LOAD && p_filesz > 0)
    .reduce((last, {p_offset, p_filesz}) => Math.max(last, p_offset + p_filesz), 0);
}

/** Whether nothing follows the LOAD in the file except section headers, which can move. */
function isLast(draft: Draft, load: Phdr): boolean {
  const end = load.p_offset + load.p_filesz;
  const isAfter = (offset: number, size: number) => size > 0 && offset + size > end;
  if (!draft.programHeaders.some((p) => p.p_type === PT.PT_LOAD && p !== load)) return false;
  const strangers = knownRanges(draft).filter(({start, end: stop}) => isAfter(start, stop - start));
  const isSectionTable = strangers.length === 1 && strangers[0]?.start === draft.sectionHeaderOffset;
  if (isSectionTable) return strangers[0]?.end === draft.size && strangers[0].start >= end;
  return strangers.length === 0 && end === draft.size;
}

function holdsOnlyTables(draft: Draft, load: Phdr): boolean {
  const end = load.p_offset + load.p_filesz;
  const interpreter = draft.programHeaders.find((p) => p.p_type === PT.PT_INTERP);
  if (draft.sectionHeaders.length === 0) {
    const range = {low: load.p_vaddr, high: load.p_vaddr + BigInt(load.p_memsz)};
    return occupiedIn(draft, load).length > 0 && !isAddressed(draft, range);
  }
  return draft.sectionHeaders.every(
    (section) =>
      section.sh_offset >= end ||
      section.sh_offset + section.sh_size <= load.p_offset ||
      !hasFileBytes(section) ||
      isLinkerTable(section) ||
      section.sh_type === SHT.SHT_DYNAMIC ||
      section.sh_offset === interpreter?.p_offset,
  );
}

function isZeroElsewhere(draft: Draft, load: Phdr): boolean {
  return findHoles(draft, load).every(({offset, size}) => isZero(draft, offset, size));
}

/** List the ranges of an appended segment that are not in use. `vacated` is a range that an edit frees. */
export function findHoles(draft: Draft, load: Phdr, vacated?: Range): Range[] {
  const holes: Range[] = [];
  const end = load.p_offset + load.p_filesz;
  let at = load.p_offset + headroom;
  for (const range of [...occupiedIn(draft, load, vacated), {start: end, end}]) {
    if (range.start > at) holes.push({offset: at, size: range.start - at});
    at = Math.max(at, range.end);
  }
  return holes;
}

function occupiedIn(draft: Draft, load: Phdr, vacated?: Range) {
  const end = load.p_offset + load.p_filesz;
  return knownRanges(draft, vacated)
    .filter((range) => range.start < end && range.end > load.p_offset)
    .sort((a, b) => a.start - b.start);
}
