/*
 * A new LOAD at the end of the file.
 *
 * It needs an entry in the program header table. A PT_NULL becomes one; or the table grows over zeros after it;
 * or over neighbours that can go elsewhere (neighbours.ts). Failing these the table itself moves, into a LOAD of its own
 * (move-table.ts). Where in memory a LOAD goes is decided in place-load.ts.
 */
import {PF, PN_XNUM} from '../elf/constants.js';
import {Phdr} from '../elf/records.js';
import type {Draft} from './draft.js';
import {findExtension} from './find-extension.js';
import {insertLoad, isUnused, type WantedLoad} from './insert-load.js';
import {moveTable} from './move-table.js';
import {findNeighbours, moveNeighbour, type Neighbour} from './neighbours.js';
import {noRoom} from './place-load.js';
import {appendTo, moveSectionHeaders} from './space.js';

/** What comes into an extension besides what makes way for the table: bytes, and entries of the table. */
interface ToCome {
  readonly size?: number;
  readonly entries?: number;
}

/** How the table gets its entries: `evict` moves away first, or the table itself does. */
interface Slots {
  readonly evict: readonly Neighbour[];
  readonly movesTable: boolean;
  /** Of the table, afterwards. */
  readonly entries: number;
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
  draft.placed('new-segment');
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
  const extension = slots.movesTable ? undefined : findExtension(draft, sizeOf(slots));
  if (extension === undefined) return false;
  makeRoom(draft, extension, slots);
  return true;
}

/** Open several, the extension last, so that it can grow later. */
function openLoads(draft: Draft, others: readonly WantedLoad[], {size = 0, entries = 0}: ToCome): Phdr[] {
  const count = others.length + 1 + entries;
  const slots = findSlots(draft, count);
  // The one that the table moves to takes an entry too.
  if (slots.movesTable) moveTable(draft, findSlots(draft, count + 1).entries);
  const loads = others.map((wanted) => insertLoad(draft, wanted));
  if (size > 0 || slots.evict.length > 0) {
    const extension = insertLoad(draft, {flags: PF.PF_R, size: 0}, {size: size + sizeOf(slots)});
    draft.extension = extension;
    makeRoom(draft, extension, slots);
  }
  return loads;
}

/** How many bytes of an extension the making of slots takes at most. */
function sizeOf({evict}: Slots): number {
  const moved = evict.filter(({kind}) => kind !== 'section headers').map(({size, align}) => size + align);
  return moved.reduce((sum, size) => sum + size, 0);
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
  if (count <= nulls) return {evict: [], movesTable: false, entries};
  const end = draft.programHeaderOffset + programHeaders.length * size;
  const isMapped = draft.loadAt(draft.programHeaderOffset) !== undefined;
  const range = {offset: end, size: (count - nulls) * size};
  const isReachable =
    !isMapped || draft.loadAt(draft.programHeaderOffset, end + range.size - draft.programHeaderOffset);
  const evict = isReachable ? findNeighbours(draft, range) : undefined;
  return {evict: evict ?? [], movesTable: evict === undefined, entries};
}

/** A longer table than one page is refused by some kernels (ELF_MIN_ALIGN in load_elf_phdrs). */
const largestTable = 4096;

/** Clear the way for entries. */
function makeRoom(draft: Draft, extension: Phdr, {evict}: Slots): void {
  for (const neighbour of evict) {
    // Go's linker puts them right after the program headers.
    if (neighbour.kind === 'section headers') moveSectionHeaders(draft, draft.size);
  }
  for (const neighbour of evict) {
    if (neighbour.kind === 'section headers') continue;
    moveNeighbour(draft, neighbour, appendTo(draft, extension, neighbour.size, neighbour.align));
  }
}
