/*
 * Where is there room in a file that must not grow?
 *
 * Two kinds of bytes belong to nobody. Slack: the zero padding behind the last byte of a non-writable LOAD,
 * before the next one's file bytes. Growing the LOAD over it changes no mapped byte, since the kernel maps whole
 * pages. A gap: zero bytes between two of the linker's own tables (headers, .interp, notes, hash, symbol, string,
 * version and relocation tables), left by alignment or by an earlier edit. Gaps are trusted only with section
 * headers, which say that nothing else lies there, and only between tables that no code addresses.
 */
import {PT, SHF, SHT} from '../elf/constants.js';
import {machineOf} from '../elf/machine.js';
import {roundUp} from '../elf/notes.js';
import {Ehdr, EI_NIDENT, Phdr, Shdr} from '../elf/records.js';
import {dynamicTables} from '../elf/tables.js';
import type {ElfView} from '../elf/view.js';
import type {Draft, Range} from './draft.js';

/** Bytes of the file that somebody uses. */
export interface Claim {
  readonly start: number;
  readonly end: number;
  /** One of the linker's own tables, which no code addresses. */
  readonly isTable: boolean;
}

/** Free bytes inside, or right behind, a mapped segment. */
export interface Room {
  readonly kind: 'gap' | 'slack';
  readonly offset: number;
  readonly size: number;
  readonly load: Phdr;
}

/** A place that was taken from a room. */
export interface Place {
  readonly offset: number;
  readonly address: bigint;
}

/**
 * The page size that decides what two segments may share: the largest that the machine has, unless the file
 * itself was linked for smaller ones.
 */
export function pageSizeOf(view: ElfView): number {
  const loads = view.programHeaders.filter((phdr) => phdr.p_type === PT.PT_LOAD);
  const largest = Math.max(1, ...loads.map((phdr) => phdr.p_align));
  return Math.min(machineOf(view).maxPageSize, largest);
}

/** List the rooms of a draft, gaps first. `vacated` is a range whose content the edit gave up. */
export function findRooms(draft: Draft, vacated?: Range): Room[] {
  const claims = mergeClaims(listClaims(draft, vacated));
  const gaps = draft.view.sectionHeaders.length > 0 ? findGaps(draft, claims) : placeOf(draft, vacated);
  const slacks = draft.readOnlyLoads.flatMap((load) => slackOf(draft, load, claims));
  return [...gaps, ...slacks];
}

/** Take a place of `size` bytes: at `preferred` if a room has it there, else in the first room that is large enough. */
export function takePlace(
  rooms: readonly Room[],
  size: number,
  align: number,
  preferred?: number,
): Place | undefined {
  const starts = rooms.flatMap((room) => {
    const first = roundUp(room.offset, align);
    const end = room.offset + room.size;
    const candidates = preferred !== undefined && preferred >= room.offset ? [preferred, first] : [first];
    return candidates.filter((start) => start + size <= end).map((start) => ({start, room}));
  });
  const choice = starts.find(({start}) => start === preferred) ?? starts[0];
  if (choice === undefined) return undefined;
  if (choice.room.kind === 'slack') extendLoad(choice.room.load, choice.start + size);
  const {p_vaddr, p_offset} = choice.room.load;
  return {offset: choice.start, address: p_vaddr + BigInt(choice.start - p_offset)};
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
  if (load === undefined) return;
  load.p_filesz -= size;
  load.p_memsz -= size;
}

/** Everything in the file that belongs to somebody, as far as headers and DT_* entries tell. */
export function listClaims({view, programHeaders, sectionHeaders}: Draft, except?: Range): Claim[] {
  const {elfClass} = view.format;
  const claims: Claim[] = [
    claim(0, EI_NIDENT + Ehdr.size(elfClass), true),
    claim(view.header.e_phoff, programHeaders.length * Phdr.size(elfClass), true),
    claim(view.header.e_shoff, sectionHeaders.length * Shdr.size(elfClass), false),
  ];
  for (const section of sectionHeaders) {
    if (section.sh_type === SHT.SHT_NOBITS || section.sh_type === SHT.SHT_NULL) continue;
    claims.push(claim(section.sh_offset, section.sh_size, isLinkerTable(section)));
  }
  for (const {p_type, p_offset, p_filesz} of programHeaders) {
    if (containers.has(p_type)) continue;
    claims.push(
      claim(
        p_offset,
        p_filesz,
        p_type === PT.PT_INTERP || p_type === PT.PT_NOTE || p_type === PT.PT_GNU_PROPERTY,
      ),
    );
  }
  for (const table of dynamicTables(view)) claims.push(claim(table.offset, table.size, true));
  if (sectionHeaders.length === 0) claims.push(...loadClaims(programHeaders));
  return claims.filter(
    ({start, end}) =>
      end > start && !(except !== undefined && start === except.offset && end === start + except.size),
  );
}

const containers: ReadonlySet<number> = new Set([
  PT.PT_NULL,
  PT.PT_LOAD,
  PT.PT_PHDR,
  PT.PT_GNU_RELRO,
  PT.PT_GNU_STACK,
]);

const tableTypes: ReadonlySet<number> = new Set([
  SHT.SHT_NOTE,
  SHT.SHT_HASH,
  SHT.SHT_GNU_HASH,
  SHT.SHT_DYNSYM,
  SHT.SHT_STRTAB,
  SHT.SHT_GNU_VERSYM,
  SHT.SHT_GNU_VERNEED,
  SHT.SHT_GNU_VERDEF,
  SHT.SHT_RELA,
  SHT.SHT_REL,
  SHT.SHT_RELR,
]);

function isLinkerTable({sh_type, sh_flags}: Shdr): boolean {
  return tableTypes.has(sh_type) && (sh_flags & SHF.SHF_ALLOC) !== 0;
}

function claim(start: number, size: number, isTable: boolean): Claim {
  return {start, end: start + size, isTable};
}

/** Without section headers nothing says what a LOAD holds, so all of it is taken. */
function loadClaims(programHeaders: readonly Phdr[]): Claim[] {
  return programHeaders
    .filter((phdr) => phdr.p_type === PT.PT_LOAD)
    .map(({p_offset, p_filesz}) => claim(p_offset, p_filesz, false));
}

function mergeClaims(claims: readonly Claim[]): Claim[] {
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

function findGaps(draft: Draft, claims: readonly Claim[]): Room[] {
  return claims.flatMap((before, i): Room[] => {
    const after = claims[i + 1];
    if (after === undefined || !before.isTable || !after.isTable) return [];
    const load = draft.readOnlyLoads.find(
      (p) => before.end >= p.p_offset && after.start < p.p_offset + p.p_filesz,
    );
    const size = after.start - before.end;
    if (load === undefined || size === 0 || zerosAt(draft, before.end, size) < size) return [];
    return [{kind: 'gap', offset: before.end, size, load}];
  });
}

/** Without section headers the only gap to trust is the place that the edit itself gave up. */
function placeOf(draft: Draft, vacated: Range | undefined): Room[] {
  if (vacated === undefined) return [];
  const load = draft.loadAt(vacated.offset, vacated.size);
  return load === undefined ? [] : [{kind: 'gap', ...vacated, load}];
}

function slackOf(draft: Draft, load: Phdr, claims: readonly Claim[]): Room[] {
  const start = load.p_offset + load.p_filesz;
  const limits = [
    ...claims.filter((c) => c.end > start).map((c) => Math.max(c.start, start)),
    ...draft.programHeaders
      .filter((p) => p.p_type === PT.PT_LOAD && p.p_offset >= start && p.p_filesz > 0)
      .map((p) => p.p_offset),
  ];
  if (limits.length === 0) return [];
  const inFile = Math.min(...limits, draft.view.source.size) - start;
  const size = zerosAt(draft, start, Math.min(inFile, roomInMemory(draft, load)));
  return size > 0 ? [{kind: 'slack', offset: start, size, load}] : [];
}

/** How far a LOAD can grow before it reaches a page of the next one. */
function roomInMemory(draft: Draft, load: Phdr): number {
  const end = load.p_vaddr + BigInt(load.p_memsz);
  const page = BigInt(pageSizeOf(draft.view));
  const following = draft.programHeaders
    .filter((p) => p.p_type === PT.PT_LOAD && p !== load && p.p_vaddr + BigInt(p.p_memsz) > load.p_vaddr)
    .map((p) => p.p_vaddr - (p.p_vaddr % page) - end);
  return following.length === 0
    ? Number.MAX_SAFE_INTEGER
    : Number(following.reduce((a, b) => (b < a ? b : a)));
}

/** How many of the bytes at an offset are zero before the first that is not. */
function zerosAt(draft: Draft, offset: number, length: number): number {
  if (length <= 0) return 0;
  const first = draft.read(offset, length).findIndex((byte) => byte !== 0);
  return first < 0 ? length : first;
}
