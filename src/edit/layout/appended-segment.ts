/*
 * The appended segment: a LOAD at the end of the file for bytes that fit nowhere else. One is enough for all edits; see
 * find-appended-segment.ts for how the next edit finds it.
 *
 * A LOAD needs an entry in the program header table. A PT_NULL is reused; or the table grows over zeros after it, or
 * over neighbours that can move (neighbours.ts). Failing that, the table itself moves into a LOAD of its own
 * (move-program-headers.ts). place-load.ts decides where in memory a LOAD goes.
 */
import {PF, PN_XNUM, PT} from '../../elf/constants.js';
import {Phdr} from '../../elf/records.js';
import type {Draft, Place} from './draft.js';
import {findAppended} from './find-appended-segment.js';
import {appendTo, moveSectionHeaders} from './free-space.js';
import {dropNull, insertLoad, isUnused, type WantedLoad} from './insert-load.js';
import {moveTable} from './move-program-headers.js';
import {findNeighbours, moveNeighbour, type Neighbour} from './neighbours.js';
import {noRoom} from './place-load.js';

/**
 * Take a place at the end of the appended segment, creating the segment if there is none.
 *
 * @throws ElfError NO_ROOM when the file cannot have another segment
 */
export function takeAppended(draft: Draft, size: number, align: number): Place {
  const load = findAppended(draft, size + align) ?? openAppended(draft, size + align);
  draft.placed('new-segment');
  return appendTo(draft, load, size, align);
}

/**
 * Ensure that there is an appended segment that can grow by `size` bytes. Whatever follows the program header table may
 * move there.
 */
export function requireAppended(draft: Draft, size: number): void {
  if (findAppended(draft, size) === undefined) openAppended(draft, size);
}

/**
 * Take a slot of the program header table for another segment. One that must precede the LOADs (PT_PHDR and PT_INTERP,
 * gABI) goes before them; the entries after it move up by one.
 *
 * @throws ElfError NO_ROOM when the table cannot have another entry
 */
export function takeProgramHeader(draft: Draft, fields: Partial<Phdr> & Pick<Phdr, 'p_type'>): Phdr {
  const {programHeaders} = draft;
  const segment = {...emptySegment, ...fields};
  makeSlot(draft);
  dropNull(draft);
  const firstLoad = programHeaders.findIndex(({p_type}) => p_type === PT.PT_LOAD);
  const isEarly = segment.p_type === PT.PT_INTERP || segment.p_type === PT.PT_PHDR;
  programHeaders.splice(isEarly && firstLoad >= 0 ? firstLoad : programHeaders.length, 0, segment);
  return segment;
}

const emptySegment: Omit<Phdr, 'p_type'> = {
  p_flags: 0,
  p_offset: 0,
  p_vaddr: 0n,
  p_paddr: 0n,
  p_filesz: 0,
  p_memsz: 0,
  p_align: 1,
};

/** How the table gets its entries: either `evict` moves away first, or the table itself moves. */
interface Slots {
  readonly evict: readonly Neighbour[];
  readonly movesTable: boolean;
  /** The number of entries in the table afterwards. */
  readonly entries: number;
}

/** How to add LOADs, including the appended segment. */
interface Opening extends Slots {
  readonly others: readonly WantedLoad[];
  /** At most this many bytes go into the appended segment; undefined if none is created. */
  readonly size: number | undefined;
}

/**
 * Add an empty read-only LOAD as the draft's appended segment; `size` bytes will go into it.
 *
 * @throws ElfError NO_ROOM when a file cannot have another one
 */
function openAppended(draft: Draft, size: number): Phdr {
  openLoads(draft, planOpening(draft, {size}));
  return appendedOf(draft);
}

/**
 * Add a LOAD of another kind. If something has to move to make room for its entry in the table, an appended segment is
 * created for that too.
 *
 * @throws ElfError NO_ROOM when a file cannot have another one
 */
export function openLoad(draft: Draft, wanted: WantedLoad): Phdr {
  const slot = findSlotAtHand(draft);
  if (slot === undefined)
    return openLoads(draft, planOpening(draft, {others: [wanted]}))[0] ?? appendedOf(draft);
  makeRoom(draft, slot);
  return insertLoad(draft, wanted);
}

/**
 * Ensure that the table has room for another entry, of any kind.
 *
 * @throws ElfError NO_ROOM when that takes a segment that cannot be added
 */
export function makeSlot(draft: Draft): void {
  const slot = findSlotAtHand(draft);
  if (slot === undefined) {
    draft.placed('new-segment');
    openLoads(draft, planOpening(draft, {entries: 1}));
  } else {
    makeRoom(draft, slot);
  }
}

/** What moves away, and the segment it moves to. */
interface Room extends Pick<Slots, 'evict'> {
  /** Section headers need no segment, so it may be undefined: an empty segment would not be a valid LOAD. */
  readonly appended: Phdr | undefined;
}

/**
 * How the table gets one entry without a new segment; undefined if it cannot. A segment that this draft did not create
 * can no longer grow once another LOAD follows it.
 */
function findSlotAtHand(draft: Draft): Room | undefined {
  const {movesTable, evict} = findSlots(draft, 1);
  if (movesTable) return undefined;
  if (evict.every(({kind}) => kind === 'section headers')) return {evict, appended: undefined};
  const appended = findAppended(draft, sizeOf(evict));
  return appended && {evict, appended};
}

/**
 * Plan how to add LOADs.
 *
 * @param toCome what to add, apart from what moves out of the table's way: other LOADs, bytes of the appended segment,
 *   entries of the table
 */
function planOpening(
  draft: Draft,
  toCome: {others?: readonly WantedLoad[]; size?: number; entries?: number},
): Opening {
  const {others = [], size = 0, entries = 0} = toCome;
  const count = others.length + 1 + entries;
  const slots = findSlots(draft, count);
  const isEmpty = size === 0 && slots.evict.length === 0;
  return {
    ...slots,
    // The LOAD that the table moves to takes an entry too.
    entries: slots.movesTable ? findSlots(draft, count + 1).entries : slots.entries,
    others,
    size: isEmpty ? undefined : size + sizeOf(slots.evict),
  };
}

/** Add the LOADs, the appended segment last, so that it can grow later. */
function openLoads(draft: Draft, {evict, movesTable, entries, others, size}: Opening): Phdr[] {
  if (movesTable) moveTable(draft, entries);
  const loads = others.map((wanted) => insertLoad(draft, wanted));
  if (size !== undefined) {
    const appended = insertLoad(draft, {flags: PF.PF_R, size: 0}, {size});
    draft.appended = appended;
    makeRoom(draft, {evict, appended});
  }
  return loads;
}

/** The most bytes that these neighbours can take in a segment. */
function sizeOf(evict: readonly Neighbour[]): number {
  const moved = evict.filter(({kind}) => kind !== 'section headers').map(({size, align}) => size + align);
  return moved.reduce((sum, size) => sum + size, 0);
}

function appendedOf(draft: Draft): Phdr {
  if (draft.appended === undefined) throw noRoom(draft, 'an appended segment', 'none');
  return draft.appended;
}

function findSlots(draft: Draft, count: number): Slots {
  const {view, programHeaders} = draft;
  const size = Phdr.size(view.format.elfClass);
  const nulls = programHeaders.filter((phdr) => isUnused(draft, phdr)).length;
  const entries = programHeaders.length + Math.max(0, count - nulls);
  if (entries * size > largestTable || entries >= PN_XNUM) {
    throw noRoom(draft, `at most ${Math.floor(largestTable / size)} program headers`, `${entries}`);
  }
  if (count <= nulls) return {evict: [], movesTable: false, entries};
  const {programHeaderOffset: start} = draft;
  const range = {offset: start + programHeaders.length * size, size: (count - nulls) * size};
  // Of several LOADs that map the table, the first tells old kernels its address (place-load.ts).
  const load = draft.loadAt(start);
  const isReachable = load === undefined || draft.loadAt(start, range.offset + range.size - start) === load;
  const evict = isReachable ? findNeighbours(draft, range) : undefined;
  return {evict: evict ?? [], movesTable: evict === undefined, entries};
}

/** Some kernels refuse a table longer than one page (ELF_MIN_ALIGN in load_elf_phdrs). */
const largestTable = 4096;

/** Clear the way for entries. */
function makeRoom(draft: Draft, {evict, appended}: Room): void {
  // Go's linker puts section headers right after the program headers.
  if (evict.some(({kind}) => kind === 'section headers')) moveSectionHeaders(draft, draft.size);
  for (const neighbour of evict) {
    if (neighbour.kind === 'section headers' || appended === undefined) continue;
    moveNeighbour(draft, neighbour, appendTo(draft, appended, neighbour.size, neighbour.align));
  }
}
