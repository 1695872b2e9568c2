/*
 * Where is there free space in a file that must not grow?
 *
 * Two kinds of bytes are free. Slack: the zero padding after the last byte of a non-writable LOAD,
 * before the next one's file bytes. Growing the LOAD over it changes no mapped byte, since the kernel maps whole
 * pages. A gap: zero bytes between two of the linker's own tables (headers, .interp, notes, hash, symbol, string,
 * version and relocation tables), left by alignment or by an earlier edit, or padding (padding.ts) between such a table
 * and any other section. Gaps are trusted only with section headers, which say that nothing else is there, and only
 * after tables that no code addresses.
 */
import {PT} from '../../elf/constants.js';
import {roundUp} from '../../elf/notes.js';
import {type Phdr, Shdr} from '../../elf/records.js';
import type {Range} from '../../source/range-set.js';
import {leadingZeros} from '../../source/source.js';
import type {Draft} from './draft.js';
import {isFiller} from './filler.js';
import {findAppended, findHoles} from './find-appended-segment.js';
import {mergeOccupied, type Occupied, occupiedRanges} from './occupied.js';
import {mostZeros, paddingTest} from './padding.js';
import {roomInMemory} from './place-load.js';

/** Free bytes inside, or right after, a mapped segment. */
export interface FreeRange {
  readonly kind: 'gap' | 'slack' | 'padding';
  readonly offset: number;
  readonly size: number;
  readonly load: Phdr;
}

/** A place that was taken from free space. */
export interface Place {
  readonly offset: number;
  readonly address: bigint;
}

/** List the free ranges of a draft, gaps between tables first. `vacated` is a range whose content the edit gave up. */
export function findFreeSpace(draft: Draft, vacated?: Range): FreeRange[] {
  const occupied = mergeOccupied(occupiedRanges(draft, vacated));
  const gaps = draft.view.sectionHeaders.length > 0 ? findGaps(draft, occupied) : placeOf(draft, vacated);
  const slacks = draft.readOnlyLoads.flatMap((load) => slackOf(draft, load, occupied));
  return [...ofKind(gaps, 'gap'), ...slacks, ...ofKind(gaps, 'padding'), ...freeInAppended(draft, vacated)];
}

export function ofKind(free: readonly FreeRange[], kind: FreeRange['kind']): FreeRange[] {
  return free.filter((range) => range.kind === kind);
}

/** In the LOAD that an earlier edit added, whatever is zero and has no owner is free. */
function freeInAppended(draft: Draft, vacated: Range | undefined): FreeRange[] {
  const load = findAppended(draft);
  return load === undefined
    ? []
    : findHoles(draft, load, vacated).map((hole) => ({kind: 'gap', ...hole, load}));
}

/** Take a place of `size` bytes: at `preferred` if it is free there, else in the first free range that is large enough. */
export function takePlace(
  draft: Draft,
  free: readonly FreeRange[],
  size: number,
  align: number,
  preferred?: number,
): Place | undefined {
  const starts = free.flatMap((range) => {
    const first = roundUp(range.offset, align);
    const end = range.offset + range.size;
    const candidates = preferred !== undefined && preferred >= range.offset ? [preferred, first] : [first];
    return candidates.filter((start) => start + size <= end).map((start) => ({start, range}));
  });
  const choice = starts.find(({start}) => start === preferred) ?? starts[0];
  if (choice === undefined) return undefined;
  draft.taken.push({offset: choice.start, size});
  if (choice.range.kind === 'slack') extendLoad(choice.range.load, choice.start + size);
  const {p_vaddr, p_offset} = choice.range.load;
  return {offset: choice.start, address: p_vaddr + BigInt(choice.start - p_offset)};
}

/** Take a place after the last byte of a LOAD that nothing but section headers follows. */
export function appendTo(draft: Draft, load: Phdr, size: number, align: number): Place {
  const end = load.p_offset + load.p_filesz;
  const offset = roundUp(end, align);
  giveWay(draft, end, offset + size);
  extendLoad(load, offset + size);
  draft.size = Math.max(draft.size, offset + size);
  draft.taken.push({offset, size});
  return {offset, address: load.p_vaddr + BigInt(offset - load.p_offset)};
}

/** Section headers after the LOAD stay after it. */
function giveWay(draft: Draft, end: number, newEnd: number): void {
  const start = draft.sectionHeaderOffset;
  if (start < end || draft.sectionHeaders.length === 0 || start >= newEnd) return;
  moveSectionHeaders(draft, newEnd);
}

/** Put the section headers after an offset at which nothing is; anywhere is as good for them. */
export function moveSectionHeaders(draft: Draft, end: number): void {
  const size = draft.sectionHeaders.length * Shdr.size(draft.view.format.elfClass);
  draft.clear(draft.sectionHeaderOffset, size, 'the place of the section headers');
  draft.sectionHeaderOffset = roundUp(end, 8);
  draft.size = draft.sectionHeaderOffset + size;
}

/** Let a LOAD reach to a file offset. */
export function extendLoad(load: Phdr, end: number): void {
  const size = Math.max(load.p_filesz, end - load.p_offset);
  load.p_filesz = size;
  load.p_memsz = size;
}

/** Give bytes back: zeros instead of content, and a LOAD that ended with them ends before them. */
export function vacate(draft: Draft, {offset, size}: Range, reason: string): void {
  draft.clear(offset, size, reason);
  const load = draft.readOnlyLoads.find(
    (p) => p.p_offset < offset && p.p_offset + p.p_filesz === offset + size,
  );
  if (load === undefined || load === findAppended(draft)) return;
  load.p_filesz -= size;
  load.p_memsz -= size;
}

/** Between two tables, and between a table and what is aligned after it. */
function findGaps(draft: Draft, occupied: readonly Occupied[]): FreeRange[] {
  const isPadding = paddingTest(draft);
  const loads = draft.readOnlyLoads;
  return occupied.flatMap((before, i): FreeRange[] => {
    const after = occupied[i + 1];
    if (after === undefined || !before.isTable) return [];
    const load = loads.find((p) => before.end >= p.p_offset && after.start < p.p_offset + p.p_filesz);
    const gap = {offset: before.end, size: after.start - before.end};
    if (load === undefined || gap.size === 0 || gap.size > mostZeros) return [];
    const isTrusted = after.isTable || isPadding(gap);
    if (!isTrusted || !isFiller(draft, gap.offset, gap.size)) return [];
    return [{kind: after.isTable ? 'gap' : 'padding', ...gap, load}];
  });
}

/** Without section headers the only gap to trust is the place that the edit itself gave up. */
function placeOf(draft: Draft, vacated: Range | undefined): FreeRange[] {
  if (vacated === undefined) return [];
  const load = draft.loadAt(vacated.offset, vacated.size);
  return load === undefined ? [] : [{kind: 'gap', ...vacated, load}];
}

function slackOf(draft: Draft, load: Phdr, occupied: readonly Occupied[]): FreeRange[] {
  const start = load.p_offset + load.p_filesz;
  const limits = [
    ...occupied.filter((c) => c.end > start).map((c) => Math.max(c.start, start)),
    ...draft.programHeaders
      .filter((p) => p.p_type === PT.PT_LOAD && p.p_offset >= start && p.p_filesz > 0)
      .map((p) => p.p_offset),
  ];
  if (limits.length === 0) return [];
  const end = limits.reduce((first, limit) => Math.min(first, limit), draft.view.source.size);
  const inFile = end - start;
  const size = zerosAt(draft, start, Math.min(inFile, roomInMemory(draft, load)));
  return size > 0 ? [{kind: 'slack', offset: start, size, load}] : [];
}

/** How many of the bytes at an offset are zero before the first that is not, as far as that matters. */
function zerosAt(draft: Draft, offset: number, length: number): number {
  const limit = Math.min(length, mostZeros);
  if (limit <= 0) return 0;
  return leadingZeros(draft.read(offset, limit));
}
