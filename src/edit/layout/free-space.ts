/*
 * Where is there free space in a file that must not grow?
 *
 * Two kinds of bytes are free. Slack: the zero padding after the last byte of a non-writable LOAD, before the next
 * one's file bytes. Growing the LOAD over it changes no mapped byte, since the kernel maps whole pages. Gap: zero bytes
 * between two of the linker's own tables (headers, .interp, notes, hash, symbol, string, version and relocation
 * tables), left by alignment or by an earlier edit, or padding (padding.ts) between such a table and any other section.
 * Gaps are trusted only with section headers, which say that nothing else is there, and only after tables that no code
 * addresses.
 */
import {PT} from '../../elf/constants.js';
import {roundUp} from '../../elf/notes.js';
import {type Phdr, Shdr} from '../../elf/records.js';
import {overlaySource} from '../../source/overlay.js';
import {overlapsOf, type Range, RangeSet} from '../../source/range-set.js';
import {type ByteSource, leadingZeros} from '../../source/source.js';
import type {Draft, Place} from './draft.js';
import {isFiller} from './filler.js';
import {findAppended, findHoles} from './find-appended-segment.js';
import {mergeOccupied, type Occupied, occupiedRanges} from './occupied.js';
import {mostZeros, paddingTest} from './padding.js';
import {roomsInMemory} from './place-load.js';

/** Free bytes inside, or right after, a mapped segment. */
export interface FreeRange {
  readonly kind: 'gap' | 'slack' | 'padding';
  readonly offset: number;
  readonly size: number;
  readonly load: Phdr;
}

/** A place in free space, and the LOAD that has to be extended over it if none maps it yet. */
export interface FreePlace extends Place {
  readonly size: number;
  readonly reaching?: Phdr;
}

/**
 * List the free ranges of a draft, gaps between tables first.
 *
 * @param vacated a range about to be freed, treated as if it already were: filled with zeros, and no LOAD ends with it
 */
export function findFreeSpace(draft: Draft, vacated?: Range): FreeRange[] {
  const shrinking = vacated && loadThatEndsWith(draft, vacated);
  const bytes = vacated === undefined ? draft : withZeros(draft, vacated);
  const occupied = mergeOccupied(occupiedRanges(draft, vacated, shrinking));
  const ground: Ground = {draft, vacated, shrinking, bytes, occupied};
  const gaps = draft.view.sectionHeaders.length > 0 ? findGaps(ground) : placeOf(ground);
  const slacks = findSlacks(ground);
  return [...ofKind(gaps, 'gap'), ...slacks, ...ofKind(gaps, 'padding'), ...freeInAppended(draft, vacated)];
}

/** A draft as it will be once a range is freed. */
interface Ground {
  readonly draft: Draft;
  readonly vacated: Range | undefined;
  /** The LOAD that ends with it. */
  readonly shrinking: Phdr | undefined;
  readonly bytes: Pick<ByteSource, 'read'>;
  readonly occupied: readonly Occupied[];
}

function withZeros(draft: Draft, {offset, size}: Range): ByteSource {
  return overlaySource(draft.snapshot(), [{offset, bytes: new Uint8Array(size)}]);
}

export function ofKind(free: readonly FreeRange[], kind: FreeRange['kind']): FreeRange[] {
  return free.filter((range) => range.kind === kind);
}

/** In the LOAD that an earlier edit added, any zeros without an owner are free. */
function freeInAppended(draft: Draft, vacated: Range | undefined): FreeRange[] {
  const load = findAppended(draft);
  return load === undefined
    ? []
    : findHoles(draft, load, vacated).map((hole) => ({kind: 'gap', ...hole, load}));
}

/** Find a place of `size` bytes: at `preferred` if that is free, else in the first free range that is large enough. */
export function findPlace(
  free: readonly FreeRange[],
  size: number,
  preferred?: number,
): FreePlace | undefined {
  const starts = free.flatMap(({kind, load, offset: first, size: length}) => {
    const candidates = preferred !== undefined && preferred >= first ? [preferred, first] : [first];
    return candidates
      .filter((start) => start + size <= first + length)
      .map((offset) => ({
        offset,
        address: load.p_vaddr + BigInt(offset - load.p_offset),
        size,
        ...(kind === 'slack' ? {reaching: load} : {}),
      }));
  });
  return starts.find(({offset}) => offset === preferred) ?? starts[0];
}

/** Take a place that was found. */
export function takePlace(draft: Draft, place: FreePlace): Place {
  const {offset, size, reaching} = place;
  draft.take({offset, size});
  if (reaching !== undefined) extendLoad(reaching, offset + size);
  return place;
}

/** Take a place after the last byte of a LOAD that nothing but section headers follows. */
export function appendTo(draft: Draft, load: Phdr, size: number, align: number): Place {
  const end = load.p_offset + load.p_filesz;
  const offset = roundUp(end, align);
  giveWay(draft, end, offset + size);
  extendLoad(load, offset + size);
  draft.reach(offset + size);
  draft.take({offset, size});
  return {offset, address: load.p_vaddr + BigInt(offset - load.p_offset)};
}

/** Move section headers after the LOAD out of its way. */
function giveWay(draft: Draft, end: number, newEnd: number): void {
  const start = draft.sectionHeaderOffset;
  if (start < end || draft.sectionHeaders.length === 0 || start >= newEnd) return;
  moveSectionHeaders(draft, newEnd);
}

/** Put the section headers at or after `end`, where nothing else is; they may be anywhere. */
export function moveSectionHeaders(draft: Draft, end: number): void {
  const size = draft.sectionHeaders.length * Shdr.size(draft.view.format.elfClass);
  draft.clear(draft.sectionHeaderOffset, size, 'the place of the section headers');
  draft.sectionHeaderOffset = roundUp(end, 8);
  draft.reach(draft.sectionHeaderOffset + size);
}

/** Extend a LOAD to a file offset. */
export function extendLoad(load: Phdr, end: number): void {
  const size = Math.max(load.p_filesz, end - load.p_offset);
  load.p_filesz = size;
  load.p_memsz = size;
}

/** Free bytes: zero them, and shorten the LOAD that ends with them, if any. */
export function vacate(draft: Draft, {offset, size}: Range, reason: string): void {
  draft.clear(offset, size, reason);
  const load = loadThatEndsWith(draft, {offset, size});
  if (load === undefined) return;
  load.p_filesz -= size;
  load.p_memsz -= size;
}

/** The LOAD that ends with a range and shrinks when the range is freed; the appended segment keeps its length. */
function loadThatEndsWith(draft: Draft, {offset, size}: Range): Phdr | undefined {
  const load = draft.readOnlyLoads.find(
    (p) => p.p_offset < offset && p.p_offset + p.p_filesz === offset + size,
  );
  return load !== undefined && load !== findAppended(draft) ? load : undefined;
}

/** Find the gaps between two tables, and between a table and what is aligned after it. */
function findGaps({draft, occupied, bytes}: Ground): FreeRange[] {
  const isPadding = paddingTest(draft);
  const loads = draft.readOnlyLoads;
  const gaps = occupied.map((before, i) => ({
    offset: before.end,
    size: (occupied[i + 1]?.start ?? before.end) - before.end,
  }));
  const around = overlapsOf(
    gaps,
    loads.map(({p_offset, p_filesz}) => ({offset: p_offset, size: p_filesz})),
  );
  return occupied.flatMap((before, i): FreeRange[] => {
    const [gap, after] = [gaps[i], occupied[i + 1]];
    if (gap === undefined || after === undefined || !before.isTable) return [];
    const load = around[i]
      ?.map((index) => loads[index])
      .find((p) => p && gap.offset >= p.p_offset && after.start < p.p_offset + p.p_filesz);
    if (load === undefined || gap.size === 0 || gap.size > mostZeros) return [];
    const isTrusted = after.isTable || isPadding(gap);
    if (!isTrusted || !isFiller(draft, gap, bytes)) return [];
    return [{kind: after.isTable ? 'gap' : 'padding', ...gap, load}];
  });
}

/** Without section headers the only trusted gap is the place that the edit itself frees, unless it becomes slack. */
function placeOf({draft, vacated, shrinking}: Ground): FreeRange[] {
  if (vacated === undefined || shrinking !== undefined) return [];
  const load = draft.loadAt(vacated.offset, vacated.size);
  return load === undefined ? [] : [{kind: 'gap', offset: vacated.offset, size: vacated.size, load}];
}

function findSlacks({draft, vacated, shrinking, occupied, bytes}: Ground): FreeRange[] {
  const limits = new RangeSet([
    ...occupied.map(({start, end}) => ({offset: start, size: end - start})),
    ...draft.programHeaders
      .filter((p) => p.p_type === PT.PT_LOAD && p.p_filesz > 0)
      .map((p) => ({offset: p.p_offset, size: 1})),
  ]);
  const roomInMemory = roomsInMemory(draft);
  return draft.readOnlyLoads.flatMap((load): FreeRange[] => {
    const loss = load === shrinking ? (vacated?.size ?? 0) : 0;
    const start = load.p_offset + load.p_filesz - loss;
    const limit = limits.nextFrom(start);
    if (limit === undefined) return [];
    const inFile = Math.min(limit, draft.view.source.size) - start;
    const size = zerosAt(bytes, start, Math.min(inFile, roomInMemory(load) + loss));
    return size > 0 ? [{kind: 'slack', offset: start, size, load}] : [];
  });
}

/** The number of leading zero bytes at an offset, up to `mostZeros`. */
function zerosAt(bytes: Pick<ByteSource, 'read'>, offset: number, length: number): number {
  const limit = Math.min(length, mostZeros);
  if (limit <= 0) return 0;
  return leadingZeros(bytes.read(offset, limit));
}
