/*
 * Slide the tables after .dynstr toward free space, so that .dynstr can grow in place. Only DT_* entries, section
 * headers and symbols point at such tables, and all three follow.
 */
import {PT} from '../../elf/constants.js';
import {roundUp} from '../../elf/notes.js';
import type {Phdr} from '../../elf/records.js';
import type {DynamicTable} from '../../elf/tables.js';
import {hasFileBytes} from '../../elf/without-bytes.js';
import type {Range} from '../../source/range-set.js';
import {isZero} from '../../source/source.js';
import type {Draft} from './draft.js';
import {extendLoad, type FreeRange} from './free-space.js';
import {mostTried} from './padding.js';
import {isAddressed} from './references.js';
import {relocate} from './relocate.js';

/** Bytes of a LOAD that move toward its end. */
export interface Slide extends Range {
  readonly load: Phdr;
  readonly distance: number;
}

/** Find a free range into which the tables after .dynstr can slide, and how far; undefined when they cannot. */
export function findSlide(
  draft: Draft,
  table: DynamicTable,
  size: number,
  free: readonly FreeRange[],
): Slide | undefined {
  const behind = free.filter(
    ({load, offset}) =>
      offset > table.offset + table.size &&
      table.offset >= load.p_offset &&
      table.offset < load.p_offset + load.p_filesz,
  );
  for (const range of behind.slice(0, mostTried)) {
    const slide = slideInto(draft, table, size, range);
    if (slide !== undefined) return slide;
  }
  return undefined;
}

function slideInto(
  draft: Draft,
  table: DynamicTable,
  size: number,
  {load, offset: end, size: room}: FreeRange,
): Slide | undefined {
  const offset = findFollowers(draft, table, end)[0]?.offset;
  if (offset === undefined) return undefined;
  const distance = roundUp(table.offset + size - offset, alignmentOf(draft, offset, end));
  const low = load.p_vaddr + BigInt(offset - load.p_offset);
  const high = load.p_vaddr + BigInt(end - load.p_offset);
  if (room < distance || isAddressed(draft, {low, high})) return undefined;
  return {load, offset, size: end - offset, distance};
}

/** PT_INTERP, which an earlier edit may have put after the tables, slides with them. */
function interpreterOf({programHeaders}: Draft): Range[] {
  return programHeaders
    .filter((phdr) => phdr.p_type === PT.PT_INTERP)
    .map(({p_offset, p_filesz}) => ({offset: p_offset, size: p_filesz}));
}

/** The tables after .dynstr, or none if anything else is there before `end`. */
function findFollowers(draft: Draft, table: DynamicTable, end: number): Range[] {
  const start = table.offset + table.size;
  const followers: Range[] = [...draft.tables, ...interpreterOf(draft)]
    .filter((t) => t.offset >= start && t.offset < end && t.size > 0)
    .sort((a, b) => a.offset - b.offset);
  return followers.length > 0 && isCovered(draft, {offset: start, size: end - start}, followers)
    ? followers
    : [];
}

/** Whether the range holds only these tables and alignment padding. */
function isCovered(draft: Draft, range: Range, tables: readonly Range[]): boolean {
  const end = range.offset + range.size;
  const isTable = (offset: number) => tables.some((t) => offset >= t.offset && offset < t.offset + t.size);
  const hasStrangers =
    draft.sectionHeaders.some(
      (s) =>
        hasFileBytes(s) &&
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

/** Whether a segment spans the whole LOAD, and so says nothing about the tables in it. */
function containsAll(segment: Phdr, draft: Draft, range: Range): boolean {
  const load = draft.loadAt(range.offset);
  return load !== undefined && segment.p_offset <= load.p_offset && segment.p_filesz >= load.p_filesz;
}

function alignmentOf(draft: Draft, start: number, end: number): number {
  const word = draft.view.format.elfClass / 8;
  const sections = draft.sectionHeaders.filter((s) => s.sh_offset >= start && s.sh_offset < end);
  return sections.reduce((largest, {sh_addralign}) => Math.max(largest, sh_addralign), word);
}

/** Slide what follows .dynstr, and zero the space in between. */
export function slide(draft: Draft, table: DynamicTable, {load, offset, size, distance}: Slide): void {
  const address = load.p_vaddr + BigInt(offset - load.p_offset);
  const content = draft.read(offset, size).slice();
  const tableEnd = table.offset + table.size;
  draft.clear(tableEnd, offset + distance - tableEnd, 'more room in .dynstr');
  draft.write(offset + distance, content, 'the tables after .dynstr, moved toward the slack');
  // An empty table at their end, where the free space begins, moves too.
  const from = {offset, size: size + 1, address};
  relocate(draft, from, {...from, offset: offset + distance, address: address + BigInt(distance)});
  extendLoad(load, offset + size + distance);
}
