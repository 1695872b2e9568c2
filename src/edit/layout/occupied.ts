/*
 * Which bytes of a file are in use, as far as headers and DT_* entries show. Any other zeros may be free; see
 * free-space.ts for which of them are trusted to be.
 */
import {PT} from '../../elf/constants.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from '../../elf/records.js';
import {isLinkerTable, isTableSegment} from '../../elf/table-kinds.js';
import {hasFileBytes} from '../../elf/without-bytes.js';
import type {Range} from '../../source/range-set.js';
import type {Draft} from './draft.js';

/** Bytes of the file that are in use. */
export interface Occupied {
  readonly start: number;
  readonly end: number;
  /** One of the linker's own tables, which no code addresses. */
  readonly isTable: boolean;
}

/**
 * Everything in the file that is in use. Without section headers, that includes all bytes of every LOAD.
 *
 * @param except a range about to be freed
 * @param shrinking the LOAD that will no longer end with it
 */
export function occupiedRanges(draft: Draft, except?: Range, shrinking?: Phdr): Occupied[] {
  const loads = draft.sectionHeaders.length > 0 ? [] : draft.programHeaders.filter(isLoad);
  const ranges = loads.map((load) => {
    const loss = load === shrinking ? (except?.size ?? 0) : 0;
    return range(load.p_offset, load.p_filesz - loss, false);
  });
  return [...knownRanges(draft, except), ...ranges];
}

/** The same, without bytes only known to be in a LOAD. */
export function knownRanges(draft: Draft, except?: Range): Occupied[] {
  const {view, programHeaders, sectionHeaders} = draft;
  const {elfClass} = view.format;
  const occupied: Occupied[] = [
    range(0, EI_NIDENT + Ehdr.size(elfClass), true),
    range(draft.programHeaderOffset, programHeaders.length * Phdr.size(elfClass), true),
    range(draft.sectionHeaderOffset, sectionHeaders.length * Shdr.size(elfClass), false),
  ];
  for (const section of sectionHeaders) {
    if (!hasFileBytes(section)) continue;
    occupied.push(range(section.sh_offset, section.sh_size, isLinkerTable(section)));
  }
  for (const {p_type, p_offset, p_filesz} of programHeaders) {
    if (isContainer(p_type)) continue;
    occupied.push(range(p_offset, p_filesz, isTableSegment(p_type, view.header.e_machine)));
  }
  for (const table of draft.tables) occupied.push(range(table.offset, table.size, true));
  for (const {offset, size} of draft.taken) occupied.push(range(offset, size, true));
  return occupied.filter(
    ({start, end}) =>
      end > start && !(except !== undefined && start === except.offset && end === start + except.size),
  );
}

/** Whether segments of this type only contain bytes that belong to others, or none. */
export function isContainer(p_type: number): boolean {
  return containers.has(p_type);
}

const containers: ReadonlySet<number> = new Set([
  PT.PT_NULL,
  PT.PT_LOAD,
  PT.PT_PHDR,
  PT.PT_GNU_RELRO,
  PT.PT_GNU_STACK,
]);

function range(start: number, size: number, isTable: boolean): Occupied {
  return {start, end: start + size, isTable};
}

function isLoad({p_type}: Phdr): boolean {
  return p_type === PT.PT_LOAD;
}

export function mergeOccupied(occupied: readonly Occupied[]): Occupied[] {
  const merged: Occupied[] = [];
  for (const next of [...occupied].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1);
    if (last !== undefined && next.start < last.end) {
      merged[merged.length - 1] = {
        start: last.start,
        end: Math.max(last.end, next.end),
        isTable: next.end > last.end ? last.isTable && next.isTable : last.isTable,
      };
    } else merged.push(next);
  }
  return merged;
}
