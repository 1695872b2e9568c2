/*
 * Which bytes of a file are in use, as far as headers and DT_* entries tell. Anything else that is zero may be
 * free; see space.ts for which of it is trusted to be.
 */
import {PT, SHT} from '../elf/constants.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from '../elf/records.js';
import {isLinkerTable, isTableSegment} from '../elf/table-kinds.js';
import type {Range} from '../source/range-set.js';
import type {Draft} from './draft.js';

/** Bytes of the file that are in use. */
export interface Claim {
  readonly start: number;
  readonly end: number;
  /** One of the linker's own tables, which no code addresses. */
  readonly isTable: boolean;
}

/** Everything in the file that is in use. Without section headers, all of every LOAD is. */
export function listClaims(draft: Draft, except?: Range): Claim[] {
  const loads = draft.sectionHeaders.length === 0 ? loadClaims(draft.programHeaders) : [];
  return [...listKnown(draft, except), ...loads];
}

/** The same without what is only known to be somewhere in a LOAD. */
export function listKnown(draft: Draft, except?: Range): Claim[] {
  const {view, programHeaders, sectionHeaders} = draft;
  const {elfClass} = view.format;
  const claims: Claim[] = [
    claim(0, EI_NIDENT + Ehdr.size(elfClass), true),
    claim(draft.programHeaderOffset, programHeaders.length * Phdr.size(elfClass), true),
    claim(draft.sectionHeaderOffset, sectionHeaders.length * Shdr.size(elfClass), false),
  ];
  for (const section of sectionHeaders) {
    if (section.sh_type === SHT.SHT_NOBITS || section.sh_type === SHT.SHT_NULL) continue;
    claims.push(claim(section.sh_offset, section.sh_size, isLinkerTable(section)));
  }
  for (const {p_type, p_offset, p_filesz} of programHeaders) {
    if (isContainer(p_type)) continue;
    claims.push(claim(p_offset, p_filesz, isTableSegment(p_type, view.header.e_machine)));
  }
  for (const table of draft.tables) claims.push(claim(table.offset, table.size, true));
  for (const {offset, size} of draft.taken) claims.push(claim(offset, size, true));
  return claims.filter(
    ({start, end}) =>
      end > start && !(except !== undefined && start === except.offset && end === start + except.size),
  );
}

/** A segment of this type contains what belongs to others, or speaks of no bytes. */
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

function claim(start: number, size: number, isTable: boolean): Claim {
  return {start, end: start + size, isTable};
}

/** Without section headers nothing says what a LOAD holds, so all of it is taken. */
function loadClaims(programHeaders: readonly Phdr[]): Claim[] {
  return programHeaders
    .filter((phdr) => phdr.p_type === PT.PT_LOAD)
    .map(({p_offset, p_filesz}) => claim(p_offset, p_filesz, false));
}

export function mergeClaims(claims: readonly Claim[]): Claim[] {
  const merged: Claim[] = [];
  for (const next of [...claims].sort((a, b) => a.start - b.start || b.end - a.end)) {
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
