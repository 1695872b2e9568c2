/*
 * What follows the program header table, and can it move elsewhere? .interp, notes and the dynamic-linking tables are
 * found by segments and DT_* entries, so they can. Several of them may share bytes (PT_NOTE covers several notes, and
 * PT_GNU_PROPERTY points at one of those), and then they move together.
 *
 * If code reads one of them directly, there is a symbol or a relocation for it, and it stays. `__abi_tag`, which
 * glibc's start files define in every program, and mapping symbols are names that nothing reads.
 */
import {SHF} from '../../elf/constants.js';
import {Phdr, Shdr} from '../../elf/records.js';
import {isMachineTable, isTableSegment} from '../../elf/table-kinds.js';
import {hasFileBytes} from '../../elf/without-bytes.js';
import type {Range} from '../../source/range-set.js';
import type {Draft, Place} from './draft.js';
import {isFiller} from './filler.js';
import {isContainer, knownRanges} from './occupied.js';
import {isAddressed, isNamed} from './references.js';
import {relocate} from './relocate.js';

/** Bytes that move in one piece. */
export interface Neighbour extends Range {
  readonly kind: 'tables' | 'section headers';
  readonly align: number;
}

/**
 * Find what has to move to free a range after the program header table; undefined when it cannot be freed. An empty
 * list means that it is already free.
 */
export function findNeighbours(draft: Draft, range: Range): Neighbour[] | undefined {
  const end = range.offset + range.size;
  const neighbours = listMovable(draft).filter((n) => n.offset + n.size > range.offset && n.offset < end);
  const isInside = (start: number, stop: number) =>
    neighbours.some((n) => start >= n.offset && stop <= n.offset + n.size);
  const hasStranger = knownRanges(draft).some(
    (known) => known.start < end && known.end > range.offset && !isInside(known.start, known.end),
  );
  if (hasStranger || neighbours.some((n) => n.offset < range.offset)) return undefined;
  if (!isFillerBetween(draft, range, neighbours)) return undefined;
  return neighbours.every((neighbour) => isFree(draft, neighbour)) ? neighbours : undefined;
}

function listMovable(draft: Draft): Neighbour[] {
  const {view, programHeaders, sectionHeaders} = draft;
  const found: Neighbour[] = draft.tables.map((table) => ({...table, kind: 'tables'}));
  for (const section of sectionHeaders) {
    if (!isMachineTable(section, view.header.e_machine)) continue;
    const {sh_offset: offset, sh_size: size, sh_addralign: align} = section;
    found.push({kind: 'tables', offset, size, align});
  }
  for (const {p_type, p_offset, p_filesz, p_align} of programHeaders) {
    if (!isTableSegment(p_type, view.header.e_machine) || holdsHeaders(draft, p_offset, p_filesz)) continue;
    found.push({kind: 'tables', offset: p_offset, size: p_filesz, align: p_align});
  }
  const merged: Neighbour[] = [];
  for (const next of found.filter(({size}) => size > 0).sort((a, b) => a.offset - b.offset)) {
    const last = merged.at(-1);
    if (last === undefined || next.offset >= last.offset + last.size) merged.push(next);
    else {
      const end = Math.max(last.offset + last.size, next.offset + next.size);
      merged[merged.length - 1] = {
        ...last,
        size: end - last.offset,
        align: Math.max(last.align, next.align),
      };
    }
  }
  const whole = merged.map((neighbour) => widen(draft, neighbour));
  const size = sectionHeaders.length * Shdr.size(view.format.elfClass);
  const table: Neighbour = {kind: 'section headers', offset: draft.sectionHeaderOffset, size, align: 8};
  return size > 0 ? [...whole, table].sort((a, b) => a.offset - b.offset) : whole;
}

/**
 * patchelf may leave a PT_NOTE over the place where it puts program headers; such a segment cannot be moved out of
 * their way.
 */
function holdsHeaders(
  {programHeaderOffset, programHeaders, view}: Draft,
  offset: number,
  size: number,
): boolean {
  const end = programHeaderOffset + programHeaders.length * Phdr.size(view.format.elfClass);
  return offset < end && offset + size > programHeaderOffset;
}

/**
 * Extend a neighbour to the end and alignment of the sections that begin in it. An alignment that it does not have now
 * is not needed elsewhere either: a damaged one could be a gigabyte, which the file would grow by.
 */
function widen(draft: Draft, neighbour: Neighbour): Neighbour {
  const end = neighbour.offset + neighbour.size;
  const inside = sectionsIn(draft, neighbour);
  const last = inside.reduce((most, {sh_offset, sh_size}) => Math.max(most, sh_offset + sh_size), end);
  const wanted = inside.reduce(
    (most, {sh_addralign}) => Math.max(most, sh_addralign),
    Math.max(1, neighbour.align),
  );
  const isMet = neighbour.offset % wanted === 0;
  return {
    ...neighbour,
    size: last - neighbour.offset,
    align: isMet ? wanted : alignmentOf(neighbour.offset),
  };
}

/** The largest power of two that divides an offset. */
function alignmentOf(offset: number): number {
  const exact = BigInt(offset);
  return Number(exact & -exact);
}

function sectionsIn(draft: Draft, {offset, size}: Range): Shdr[] {
  return draft.sectionHeaders.filter((section) => {
    const {sh_flags, sh_offset, sh_size} = section;
    const isMapped = hasFileBytes(section) && (sh_flags & SHF.SHF_ALLOC) !== 0 && sh_size > 0;
    return isMapped && sh_offset >= offset && sh_offset < offset + size;
  });
}

/** Whether only filler is between the neighbours; without section headers, no more of it than alignment causes. */
function isFillerBetween(draft: Draft, {offset, size}: Range, neighbours: readonly Neighbour[]): boolean {
  const widest = draft.sectionHeaders.length > 0 ? Number.POSITIVE_INFINITY : 16;
  let at = offset;
  for (const next of [...neighbours, {offset: offset + size, size: 0}]) {
    const length = next.offset - at;
    if (length >= widest || !isFiller(draft, {offset: at, size: length})) return false;
    at = Math.max(at, next.offset + next.size);
  }
  return true;
}

function isFree(draft: Draft, neighbour: Neighbour): boolean {
  if (neighbour.kind === 'section headers') return true;
  if (isPinned(draft, neighbour)) return false;
  const low = addressOf(draft, neighbour);
  if (low === undefined) return false;
  const range = {low, high: low + BigInt(neighbour.size)};
  return !isNamed(draft.view, range) && !isAddressed(draft, range);
}

/** Whether a segment of an unknown type covers these bytes. It would not be updated, so they must stay. */
function isPinned({programHeaders, view}: Draft, {offset, size}: Range): boolean {
  return programHeaders.some(
    ({p_type, p_offset, p_filesz}) =>
      !isContainer(p_type) &&
      !isTableSegment(p_type, view.header.e_machine) &&
      p_offset < offset + size &&
      p_offset + p_filesz > offset,
  );
}

function addressOf(draft: Draft, {offset, size}: Range): bigint | undefined {
  const load = draft.loadAt(offset, size);
  return load === undefined ? undefined : load.p_vaddr + BigInt(offset - load.p_offset);
}

/** Move a neighbour, zero its old bytes, and update everything that points at it. */
export function moveNeighbour(draft: Draft, from: Neighbour, place: Place): void {
  const low = addressOf(draft, from);
  if (low === undefined) return;
  const content = draft.read(from.offset, from.size).slice();
  draft.clear(from.offset, from.size, 'the place of tables that made room for a program header');
  draft.write(place.offset, content, 'tables that made room for a program header');
  relocate(draft, {...from, address: low}, {...place, size: from.size});
}
