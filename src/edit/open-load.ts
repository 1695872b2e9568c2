/*
 * A new LOAD at the end of the file.
 *
 * It needs an entry in the program header table. A PT_NULL becomes one; or the table grows over zeros behind it;
 * or over neighbours that can go elsewhere (neighbours.ts). Failing these the table itself moves into the new LOAD.
 * Where in memory it goes is decided in place-load.ts.
 */
import {PF, PN_XNUM, PT} from '../elf/constants.js';
import {Phdr} from '../elf/records.js';
import {ElfError} from '../errors.js';
import type {Draft} from './draft.js';
import {findExtension, headroom} from './find-extension.js';
import {findNeighbours, moveNeighbour, type Neighbour} from './neighbours.js';
import {placeLoad} from './place-load.js';
import {appendTo, moveSectionHeaders} from './space.js';

/** A LOAD to be; `size` bytes of it, behind the headroom, are given to the caller. */
export interface WantedLoad {
  readonly flags: number;
  readonly size: number;
}

/** What comes into an extension besides what makes way for the table: bytes, and entries of the table. */
interface ToCome {
  readonly size?: number;
  readonly entries?: number;
}

/** How the table gets its entries: `evict` moves away first, or the table itself does. */
interface Slots {
  readonly evict: readonly Neighbour[];
  readonly movesTable: boolean;
}

/**
 * Add a read-only LOAD, empty yet, that becomes the draft's extension; `size` bytes are to go into it.
 *
 * @throws ElfError NO_ROOM when a file cannot have another one
 */
export function openExtension(draft: Draft, size: number): Phdr {
  openLoads(draft, [], {size});
  return extensionOf(draft);
}

/**
 * Add a LOAD of another kind. When its entry in the table takes moving things, an extension is made for these too.
 *
 * @throws ElfError NO_ROOM when a file cannot have another one
 */
export function openLoad(draft: Draft, wanted: WantedLoad): Phdr {
  if (makeSlotAtHand(draft)) return insertLoad(draft, wanted);
  return openLoads(draft, [wanted], {})[0] ?? extensionOf(draft);
}

/**
 * See that the table can take one more entry, of whatever kind.
 *
 * @throws ElfError NO_ROOM when that takes a segment that cannot be made
 */
export function makeSlot(draft: Draft): void {
  if (makeSlotAtHand(draft)) return;
  draft.climb(3);
  openLoads(draft, [], {entries: 1});
}

/** Without a new extension, that is. One that this draft did not make can no longer grow once a LOAD follows it. */
function makeSlotAtHand(draft: Draft): boolean {
  const slots = findSlots(draft, 1);
  if (!slots.movesTable && slots.evict.every(({kind}) => kind === 'section headers')) {
    // They go without one, and an extension in which nothing is would be no LOAD.
    if (slots.evict.length > 0) moveSectionHeaders(draft, draft.size);
    return true;
  }
  const extension = findExtension(draft, sizeOf(draft, slots, 1));
  if (extension === undefined || !canTake(draft, extension, slots)) return false;
  const own = draft.extension;
  draft.extension = extension;
  makeRoom(draft, slots, 1);
  draft.extension = own;
  return true;
}

/** The table may only go where its difference of address and offset is the first LOAD's. */
function canTake(draft: Draft, extension: Phdr, {movesTable}: Slots): boolean {
  return !movesTable || differenceOf(extension) === differenceOf(firstLoad(draft));
}

/** Open several, the extension last, so that it can grow later. */
function openLoads(draft: Draft, others: readonly WantedLoad[], {size = 0, entries = 0}: ToCome): Phdr[] {
  const count = others.length + 1 + entries;
  const slots = findSlots(draft, count);
  const loads = others.map((wanted) => insertLoad(draft, wanted));
  const needed = size + sizeOf(draft, slots, 1 + entries);
  draft.extension = insertLoad(
    draft,
    {flags: PF.PF_R, size: 0},
    {size: needed, holdsTable: slots.movesTable},
  );
  makeRoom(draft, slots, entries);
  return loads;
}

/** How many bytes of an extension the making of slots takes at most. */
function sizeOf(draft: Draft, {evict, movesTable}: Slots, entries: number): number {
  const table = (draft.programHeaders.length + entries) * Phdr.size(draft.view.format.elfClass);
  const moved = evict.filter(({kind}) => kind !== 'section headers').map(({size, align}) => size + align);
  return moved.reduce((sum, size) => sum + size, movesTable ? table + 8 : 0);
}

function extensionOf(draft: Draft): Phdr {
  if (draft.extension === undefined) throw noRoom(draft, 'an extension', 'none');
  return draft.extension;
}

function findSlots(draft: Draft, count: number): Slots {
  const {view, programHeaders} = draft;
  const size = Phdr.size(view.format.elfClass);
  const nulls = programHeaders.filter((phdr) => isUnused(draft, phdr)).length;
  const entries = programHeaders.length + Math.max(0, count - nulls);
  if (entries * size > largestTable || entries >= PN_XNUM) {
    throw noRoom(draft, `at most ${Math.floor(largestTable / size)} program headers`, `${entries}`);
  }
  if (count <= nulls) return {evict: [], movesTable: false};
  const end = draft.programHeaderOffset + programHeaders.length * size;
  const isMapped = draft.loadAt(draft.programHeaderOffset) !== undefined;
  const range = {offset: end, size: (count - nulls) * size};
  const isReachable =
    !isMapped || draft.loadAt(draft.programHeaderOffset, end + range.size - draft.programHeaderOffset);
  const evict = isReachable ? findNeighbours(draft, range) : undefined;
  return evict === undefined ? {evict: [], movesTable: true} : {evict, movesTable: false};
}

/** A longer table than one page is refused by some kernels (ELF_MIN_ALIGN in load_elf_phdrs). */
const largestTable = 4096;

function noRoom(draft: Draft, expected: string, got: string): ElfError {
  return new ElfError('NO_ROOM', 'no room for another segment', {path: draft.view.path, expected, got});
}

/**
 * PT_NULL, or a LOAD that maps nothing: what strip and objcopy make of one out of which an edit took everything. The
 * first LOAD is not looked at, since kernels count from it.
 */
function isUnused(draft: Draft, phdr: Phdr): boolean {
  if (phdr.p_type === PT.PT_NULL) return true;
  const isEmpty = phdr.p_type === PT.PT_LOAD && phdr.p_memsz === 0 && phdr.p_filesz === 0;
  return isEmpty && phdr !== draft.extension && phdr !== firstLoad(draft);
}

/** Such an entry gives way to what takes its slot. */
export function dropNull(draft: Draft): void {
  const {programHeaders} = draft;
  const index = programHeaders.findIndex((phdr) => isUnused(draft, phdr));
  if (index >= 0) programHeaders.splice(index, 1);
}

/** Clear the way for the entries that were inserted, and for `more` that will be. */
function makeRoom(draft: Draft, {evict, movesTable}: Slots, more: number): void {
  const extension = extensionOf(draft);
  for (const neighbour of evict) {
    // Go's linker puts them right behind the program headers.
    if (neighbour.kind === 'section headers') moveSectionHeaders(draft, draft.size);
  }
  for (const neighbour of evict) {
    if (neighbour.kind === 'section headers') continue;
    moveNeighbour(draft, neighbour, appendTo(draft, extension, neighbour.size, neighbour.align));
  }
  if (movesTable) moveTable(draft, extension, more);
}

function moveTable(draft: Draft, extension: Phdr, more: number): void {
  const entrySize = Phdr.size(draft.view.format.elfClass);
  const {e_phnum} = draft.view.header;
  draft.clear(draft.programHeaderOffset, e_phnum * entrySize, 'the place of the program header table');
  const size = (draft.programHeaders.length + more) * entrySize;
  draft.programHeaderOffset = appendTo(draft, extension, size, 8).offset;
  draft.notes.push(
    'the program header table moved to the end of the file; strip and objcopy move it again, and then Linux before ' +
      '5.18 and qemu-user before 8.1 do not find it; eu-strip and LLVM before 17 lose it',
  );
}

/** What an extension of no bytes yet is to hold. */
interface Content {
  readonly size: number;
  readonly holdsTable: boolean;
}

function insertLoad(
  draft: Draft,
  {flags, size}: WantedLoad,
  content: Content = {size, holdsTable: false},
): Phdr {
  dropNull(draft);
  // A table of program headers has to be the first thing in its LOAD, or GNU strip moves what follows.
  const start = content.holdsTable ? 0 : headroom;
  const place = placeLoad(draft, {...content, size: start + content.size});
  const {offset, address, align} = place;
  const load: Phdr = {
    p_type: PT.PT_LOAD,
    p_flags: flags,
    p_offset: offset,
    p_vaddr: address,
    p_paddr: address,
    p_filesz: start + size,
    p_memsz: start + size,
    p_align: align,
  };
  const {programHeaders} = draft;
  const last = programHeaders.findLastIndex(
    ({p_type, p_vaddr}) => p_type === PT.PT_LOAD && p_vaddr < address,
  );
  programHeaders.splice(last + 1, 0, load);
  draft.size = Math.max(draft.size, offset + start + size);
  return load;
}

function firstLoad(draft: Draft): Phdr {
  const load = draft.programHeaders.find((phdr) => phdr.p_type === PT.PT_LOAD);
  if (load === undefined) throw noRoom(draft, 'a LOAD', 'none');
  return load;
}

function differenceOf({p_vaddr, p_offset}: Phdr): bigint {
  return p_vaddr - BigInt(p_offset);
}
