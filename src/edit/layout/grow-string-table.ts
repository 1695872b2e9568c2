/*
 * Grow .dynstr, if possible without growing the file.
 *
 * Six ways, in this order. Over zeros that follow it. By sliding: where a LOAD ends with dynamic-linking tables (the
 * layout of GNU ld on x86-64 and i386), those after .dynstr move toward the slack at the LOAD's end (slide.ts). As a
 * whole, into slack that is large enough for all of it; its old bytes become zeros. By sliding into padding: lld puts
 * .rodata after these tables. Over what follows it, if .dynstr is large and the rest is not; the rest moves to a new
 * LOAD at the end of the file. As a whole, into such a LOAD, which can later grow in place.
 *
 * Each way is checked without changing anything; the first possible one is used.
 */
import {DT} from '../../elf/constants.js';
import type {Phdr} from '../../elf/records.js';
import type {DynamicTable} from '../../elf/tables.js';
import {ElfError} from '../../errors.js';
import {requireAppended, takeAppended} from './appended-segment.js';
import type {Draft, Place} from './draft.js';
import {findAppended} from './find-appended-segment.js';
import {
  appendTo,
  extendLoad,
  type FreePlace,
  type FreeRange,
  findFreeSpace,
  findPlace,
  ofKind,
  takePlace,
  vacate,
} from './free-space.js';
import {findNeighbours, moveNeighbour} from './neighbours.js';
import {relocate} from './relocate.js';
import {findSlide, type Slide, slide} from './slide.js';

/** A way to grow. */
export type Growth =
  | {readonly way: 'over zeros'; readonly reaching?: Phdr}
  | {readonly way: 'slide'; readonly slide: Slide}
  | {readonly way: 'at the end'; readonly load: Phdr}
  | {readonly way: 'elsewhere'; readonly place: FreePlace}
  | {readonly way: 'over what follows'; readonly bytes: number}
  | {readonly way: 'appended segment'};

/**
 * Make DT_STRTAB `size` bytes long, adding zeros at its end.
 *
 * @throws ElfError NO_ROOM when that takes a new segment and none can be added
 */
export function growStringTable(draft: Draft, size: number): void {
  grow(draft, size, findGrowth(draft, size));
  draft.setValue(DT.DT_STRSZ, BigInt(size));
  draft.placed('slack');
}

/** Find the first possible way; changes nothing. */
export function findGrowth(draft: Draft, size: number): Growth {
  const table = stringTable(draft);
  const free = findFreeSpace(draft);
  return (
    overZeros(table, size, free) ??
    sliding(findSlide(draft, table, size, ofKind(free, 'slack'))) ??
    atEnd(draft, table, size) ??
    elsewhere(findPlace(free, size)) ??
    sliding(findSlide(draft, table, size, ofKind(free, 'padding'))) ??
    overFollowers(draft, table, size) ?? {way: 'appended segment'}
  );
}

function stringTable(draft: Draft): DynamicTable {
  const table = draft.tables.find(({tag}) => tag === DT.DT_STRTAB);
  if (table === undefined) throw new ElfError('NO_DYNAMIC', 'there is no DT_STRTAB', {path: draft.view.path});
  return table;
}

/** Zeros right after the table: a gap, or the slack of a LOAD that ends with it. */
function overZeros(table: DynamicTable, size: number, free: readonly FreeRange[]): Growth | undefined {
  const end = table.offset + table.size;
  const zeros = free.find(({offset}) => offset === end);
  if (zeros === undefined || zeros.size < size - table.size) return undefined;
  return {way: 'over zeros', ...(zeros.kind === 'slack' ? {reaching: zeros.load} : {})};
}

function sliding(found: Slide | undefined): Growth | undefined {
  return found && {way: 'slide', slide: found};
}

/** The table is the last thing in the appended segment, which can grow freely. */
function atEnd(draft: Draft, {offset, size: old}: DynamicTable, size: number): Growth | undefined {
  const load = findAppended(draft, size - old);
  const isLast = load !== undefined && load.p_offset + load.p_filesz === offset + old;
  return isLast ? {way: 'at the end', load} : undefined;
}

function elsewhere(place: FreePlace | undefined): Growth | undefined {
  return place && {way: 'elsewhere', place};
}

/** Moving a larger table takes time and memory; what follows it is usually smaller. */
const largeTable = 1 << 20;

/** What follows a large table goes into the appended segment, and the table grows over its place. */
function overFollowers(draft: Draft, {offset, size: old}: DynamicTable, size: number): Growth | undefined {
  if (old < largeTable) return undefined;
  const followers = findNeighbours(draft, {offset: offset + old, size: size - old}) ?? [];
  const bytes = followers.reduce((sum, {size: length, align}) => sum + length + align, 0);
  return bytes > 0 && bytes < old ? {way: 'over what follows', bytes} : undefined;
}

function grow(draft: Draft, size: number, growth: Growth): void {
  const table = stringTable(draft);
  switch (growth.way) {
    case 'over zeros':
      if (growth.reaching !== undefined) extendLoad(growth.reaching, table.offset + size);
      lengthen(draft, table, size);
      break;
    case 'slide':
      slide(draft, table, growth.slide);
      relocate(draft, table, {...table, size});
      break;
    case 'at the end':
      draft.placed('new-segment');
      appendTo(draft, growth.load, size - table.size, 1);
      lengthen(draft, table, size);
      break;
    case 'elsewhere':
      move(draft, size, takePlace(draft, growth.place));
      break;
    case 'over what follows':
      moveFollowers(draft, size, growth.bytes);
      break;
    case 'appended segment':
      moveToAppended(draft, size);
  }
}

function lengthen(draft: Draft, table: DynamicTable, size: number): void {
  draft.clear(table.offset + table.size, size - table.size, 'more room in .dynstr');
  relocate(draft, table, {...table, size});
}

function moveFollowers(draft: Draft, size: number, bytes: number): void {
  const table = stringTable(draft);
  const range = {offset: table.offset + table.size, size: size - table.size};
  requireAppended(draft, bytes);
  // Making the segment may have moved some of them.
  for (const follower of findNeighbours(draft, range) ?? []) {
    if (follower.kind !== 'tables') break;
    moveNeighbour(draft, follower, takeAppended(draft, follower.size, follower.align));
  }
  grow(draft, size, overZeros(stringTable(draft), size, findFreeSpace(draft)) ?? {way: 'appended segment'});
}

function moveToAppended(draft: Draft, size: number): void {
  requireAppended(draft, size);
  // Making the segment may have moved the table into it.
  const growth = atEnd(draft, stringTable(draft), size);
  if (growth === undefined) move(draft, size, takeAppended(draft, size, 1));
  else grow(draft, size, growth);
}

/** Move the table as a whole; its old bytes become zeros. */
function move(draft: Draft, size: number, place: Place): void {
  const table = stringTable(draft);
  const content = draft.read(table.offset, table.size).slice();
  vacate(draft, table, 'zeros over the old .dynstr');
  draft.write(place.offset, content, '.dynstr, moved as a whole');
  draft.clear(place.offset + table.size, size - table.size, 'more room in .dynstr');
  relocate(draft, table, {...place, size});
}
