/*
 * Growing .dynstr, if possible without growing the file.
 *
 * Six ways, in this order. Over zeros that follow it. By sliding: where a LOAD ends with dynamic-linking tables
 * (the layout of GNU ld on x86-64 and i386), those after .dynstr move toward the slack at the LOAD's end; only
 * DT_* entries, section headers and symbols point at them, and all three follow. As a whole, into slack that is
 * large enough for all of it; its old bytes become zeros. By sliding into padding: lld puts .rodata after these tables.
 * Over what follows it, where it is large and that is not, and that moves to a new LOAD at the end of the file. As a whole,
 * into such a LOAD, which it may then extend in place.
 */

import {DT, PT, SHT} from '../../elf/constants.js';
import {roundUp} from '../../elf/notes.js';
import type {Phdr} from '../../elf/records.js';
import type {DynamicTable} from '../../elf/tables.js';
import {ElfError} from '../../errors.js';
import type {Range} from '../../source/range-set.js';
import {isZero} from '../../source/source.js';
import {growAppended, requireAppended, takeAppended} from './appended-segment.js';
import type {Draft} from './draft.js';
import {
  extendLoad,
  type FreeRange,
  findFreeSpace,
  ofKind,
  type Place,
  takePlace,
  vacate,
} from './free-space.js';
import {findNeighbours, moveNeighbour} from './neighbours.js';
import {mostTried} from './padding.js';
import {isAddressed} from './references.js';
import {relocate} from './relocate.js';

/**
 * Make DT_STRTAB `size` bytes long, zeros added at its end.
 *
 * @throws ElfError NO_ROOM when that takes a new segment and none can be made
 */
export function growStringTable(draft: Draft, size: number): void {
  const table = stringTable(draft);
  const free = findFreeSpace(draft);
  const done =
    growInto(draft, table, size, free) ||
    slideFollowers(draft, table, size, ofKind(free, 'slack')) ||
    growAtEnd(draft, table, size) ||
    moveInto(draft, size, free) ||
    slideFollowers(draft, table, size, ofKind(free, 'padding')) ||
    moveFollowers(draft, size);
  if (!done) moveToAppended(draft, size);
  setEntry(draft, DT.DT_STRSZ, BigInt(size));
  draft.placed('slack');
}

function stringTable(draft: Draft): DynamicTable {
  const table = draft.tables.find(({tag}) => tag === DT.DT_STRTAB);
  if (table === undefined) throw new ElfError('NO_DYNAMIC', 'there is no DT_STRTAB', {path: draft.view.path});
  return table;
}

function setEntry(draft: Draft, tag: bigint, value: bigint): void {
  for (const entry of draft.entries) if (entry.d_tag === tag) entry.d_val = value;
}

/** Zeros right after the table: a gap, or the slack of a LOAD that ends with it. */
function growInto(draft: Draft, table: DynamicTable, size: number, free: readonly FreeRange[]): boolean {
  const end = table.offset + table.size;
  const range = free.find((candidate) => candidate.offset === end);
  if (range === undefined || range.size < size - table.size) return false;
  if (range.kind === 'slack') extendLoad(range.load, table.offset + size);
  draft.clear(end, size - table.size, 'more room in .dynstr');
  relocate(draft, table, {...table, size});
  return true;
}

/** The table is the last thing in the appended segment, which may reach as far as it wants. */
function growAtEnd(draft: Draft, table: DynamicTable, size: number): boolean {
  if (!growAppended(draft, table.offset + table.size, size - table.size)) return false;
  draft.clear(table.offset + table.size, size - table.size, 'more room in .dynstr');
  relocate(draft, table, {...table, size});
  return true;
}

function slideFollowers(
  draft: Draft,
  table: DynamicTable,
  size: number,
  free: readonly FreeRange[],
): boolean {
  const load = draft.readOnlyLoads.find(
    (p) => table.offset >= p.p_offset && table.offset < p.p_offset + p.p_filesz,
  );
  if (load === undefined) return false;
  const behind = free.filter((range) => range.load === load && range.offset > table.offset + table.size);
  return behind.slice(0, mostTried).some((range) => slideInto(draft, range, table, size));
}

function slideInto(draft: Draft, range: FreeRange, table: DynamicTable, size: number): boolean {
  const {load, offset: end} = range;
  const first = findFollowers(draft, table, end)[0];
  if (first === undefined) return false;
  const distance = roundUp(table.offset + size - first.offset, alignmentOf(draft, first.offset, end));
  if (range.size < distance) return false;
  const low = load.p_vaddr + BigInt(first.offset - load.p_offset);
  if (isAddressed(draft, {low, high: load.p_vaddr + BigInt(end - load.p_offset)})) return false;
  slide(draft, range, {table, start: first.offset, distance});
  relocate(draft, table, {...table, size});
  return true;
}

/** PT_INTERP, which an earlier edit may have put after the tables, slides with them. */
function interpreterOf({programHeaders}: Draft): Range[] {
  return programHeaders
    .filter((phdr) => phdr.p_type === PT.PT_INTERP)
    .map(({p_offset, p_filesz}) => ({offset: p_offset, size: p_filesz}));
}

/** The tables after .dynstr, if nothing but tables is there up to `end`; else none. */
function findFollowers(draft: Draft, table: DynamicTable, end: number): Range[] {
  const start = table.offset + table.size;
  const followers: Range[] = [...draft.tables, ...interpreterOf(draft)]
    .filter((t) => t.offset >= start && t.offset < end && t.size > 0)
    .sort((a, b) => a.offset - b.offset);
  return followers.length > 0 && isCovered(draft, {offset: start, size: end - start}, followers)
    ? followers
    : [];
}

/** Nothing in the range but these tables, and zeros no wider than alignment makes them. */
function isCovered(draft: Draft, range: Range, tables: readonly Range[]): boolean {
  const end = range.offset + range.size;
  const isTable = (offset: number) => tables.some((t) => offset >= t.offset && offset < t.offset + t.size);
  const hasStrangers =
    draft.sectionHeaders.some(
      (s) =>
        s.sh_type !== SHT.SHT_NOBITS &&
        s.sh_size > 0 &&
        s.sh_offset >= range.offset &&
        s.sh_offset < end &&
        !isTable(s.sh_offset),
    ) ||
    draft.programHeaders.some(
      (p) =>
        p.p_type !== PT.PT_LOAD &&
        p.p_type !== PT.PT_INTERP &&
        p.p_filesz > 0 &&
        p.p_offset < end &&
        p.p_offset + p.p_filesz > range.offset &&
        !containsAll(p, draft, range),
    );
  if (hasStrangers) return false;
  let at = range.offset;
  for (const {offset, size} of tables) {
    if (offset - at >= widestPadding || !isZero(draft, at, offset - at)) return false;
    at = Math.max(at, offset + size);
  }
  return end - at < widestPadding && isZero(draft, at, end - at);
}

const widestPadding = 64;

/** A segment like PT_PHDR never overlaps tables; one that spans the whole LOAD says nothing about them. */
function containsAll(segment: Phdr, draft: Draft, range: Range): boolean {
  const load = draft.loadAt(range.offset);
  return load !== undefined && segment.p_offset <= load.p_offset && segment.p_filesz >= load.p_filesz;
}

function alignmentOf(draft: Draft, start: number, end: number): number {
  const word = draft.view.format.elfClass / 8;
  const sections = draft.sectionHeaders.filter((s) => s.sh_offset >= start && s.sh_offset < end);
  return Math.max(word, ...sections.map((section) => section.sh_addralign));
}

/** How far what follows .dynstr, from `start` on, moves. */
interface Slide {
  readonly table: DynamicTable;
  readonly start: number;
  readonly distance: number;
}

function slide(draft: Draft, {load, offset: end}: FreeRange, {table, start, distance}: Slide): void {
  const low = load.p_vaddr + BigInt(start - load.p_offset);
  const content = draft.read(start, end - start).slice();
  const tableEnd = table.offset + table.size;
  draft.clear(tableEnd, start + distance - tableEnd, 'more room in .dynstr');
  draft.write(start + distance, content, 'the tables after .dynstr, moved toward the slack');
  // An empty table at their end moves too: it is where the free space begins.
  const from = {offset: start, size: end - start + 1, address: low};
  relocate(draft, from, {...from, offset: start + distance, address: low + BigInt(distance)});
  extendLoad(load, end + distance);
}

/** Into a free range that is large enough for all of it. */
function moveInto(draft: Draft, size: number, free: readonly FreeRange[]): boolean {
  const place = takePlace(draft, free, size, 1);
  if (place === undefined) return false;
  moveWhole(draft, size, place);
  return true;
}

/** A larger one takes time and memory to move; what follows it is mostly smaller. */
const largeTable = 1 << 20;

/** What follows a large table goes into the appended segment, and the table grows over its place. */
function moveFollowers(draft: Draft, size: number): boolean {
  const table = stringTable(draft);
  const range = {offset: table.offset + table.size, size: size - table.size};
  const followers = table.size < largeTable ? undefined : findNeighbours(draft, range);
  const moved = followers?.reduce((sum, {size: length, align}) => sum + length + align, 0) ?? 0;
  if (moved === 0 || moved >= table.size) return false;
  requireAppended(draft, moved);
  // Making the segment may have moved some of them.
  for (const follower of findNeighbours(draft, range) ?? []) {
    if (follower.kind !== 'tables') return false;
    moveNeighbour(draft, follower, takeAppended(draft, follower.size, follower.align));
  }
  return growInto(draft, stringTable(draft), size, findFreeSpace(draft));
}

function moveToAppended(draft: Draft, size: number): void {
  requireAppended(draft, size);
  // Making the segment may have moved the table into it.
  if (!growAtEnd(draft, stringTable(draft), size)) moveWhole(draft, size, takeAppended(draft, size, 1));
}

function moveWhole(draft: Draft, size: number, place: Place): void {
  const table = stringTable(draft);
  const content = draft.read(table.offset, table.size).slice();
  vacate(draft, table, 'the place of the old .dynstr');
  draft.write(place.offset, content, '.dynstr, moved as a whole');
  draft.clear(place.offset + table.size, size - table.size, 'more room in .dynstr');
  relocate(draft, table, {...place, size});
}
