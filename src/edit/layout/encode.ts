/*
 * The last phase of an edit: encode and write the records of a draft that differ from the file's.
 */
import {DT, dynamicTagName, segmentTypeName} from '../../elf/constants.js';
import {Dyn, Ehdr, EI_NIDENT, Phdr, Shdr} from '../../elf/records.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import type {Draft, EditResult, Entry} from './draft.js';
import {describeProgramHeaders} from './move-program-headers.js';
import {countsFromSlot, relativeTo} from './slot-relative.js';

/** Write what a draft changed in the records of its file. */
export function encode(draft: Draft): EditResult {
  const {view, programHeaders, sectionHeaders} = draft;
  requireDynamicRoom(draft);
  writeDynamic(draft);
  describeProgramHeaders(draft);
  writeTable(
    draft,
    Phdr,
    [view.header.e_phoff, view.programHeaders],
    [draft.programHeaderOffset, programHeaders],
    ({p_type}) => `${segmentTypeName(p_type, view.header.e_machine)} in the program header table`,
  );
  writeTable(
    draft,
    Shdr,
    [view.header.e_shoff, view.sectionHeaders],
    [draft.sectionHeaderOffset, sectionHeaders],
    () => 'a section in the section header table',
  );
  writeHeader(draft);
  return draft.result();
}

/** By now there must be room for more entries (dynamic-room.ts) and places for their strings (string-table.ts). */
function requireDynamicRoom({view, dynamicPlace, entries}: Draft): void {
  const {capacity = 0} = dynamicPlace ?? {};
  const hasMore = entries.length > (view.dynamic?.entries.length ?? 0);
  const isPlaced = entries.every((entry) => !('text' in entry) || entry.offset !== undefined);
  if (isPlaced && (!hasMore || entries.length < capacity)) return;
  throw new ElfError('CHECK_FAILED', 'internal error, nothing was written: no room for a dynamic entry', {
    path: view.path,
    expected: `at most ${capacity - 1} entries`,
    got: `${entries.length}`,
  });
}

function writeDynamic(draft: Draft): void {
  const {view, entries, dynamicPlace: place} = draft;
  const {dynamic, format, header} = view;
  if (dynamic === undefined || place === undefined) return;
  const size = Dyn.size(format.elfClass);
  const isMoved = place.address !== dynamic.address;
  // One extra slot for DT_NULL: the one after the old DT_NULL may hold something else, which would become an entry.
  const longest = Math.max(entries.length, dynamic.entries.length) + 1;
  const end = isMoved ? place.capacity : Math.min(longest, place.capacity);
  for (let i = 0; i < end; i++) {
    const entry = settle(view, entries[i], place.address + BigInt(i * size));
    if (!isMoved && same(entry, dynamic.entries[i] ?? spareEntry(view, i))) continue;
    draft.write(
      place.offset + i * size,
      Dyn.encode(entry, format),
      dynamicTagName(entry.d_tag, header.e_machine),
    );
  }
}

/** The content of a slot after the entries. The value of a DT_NULL does not matter. */
function spareEntry({dynamic, source, format}: ElfView, index: number): Dyn {
  const size = Dyn.size(format.elfClass);
  const entry = Dyn.decode(source.read((dynamic?.offset ?? 0) + index * size, size), format);
  return entry.d_tag === DT.DT_NULL ? {d_tag: DT.DT_NULL, d_val: 0n} : entry;
}

/** The record for a slot at an address. */
function settle(view: ElfView, entry: Entry | undefined, address: bigint): Dyn {
  if (entry === undefined) return {d_tag: DT.DT_NULL, d_val: 0n};
  const {d_tag} = entry;
  if ('text' in entry) return {d_tag, d_val: BigInt(entry.offset ?? 0)};
  return countsFromSlot(view, d_tag) ? relativeTo(view, entry, address) : entry;
}

function writeHeader(draft: Draft): void {
  const {view, programHeaders, sectionHeaders, programHeaderOffset, sectionHeaderOffset} = draft;
  const {header, format} = view;
  const isSame =
    programHeaderOffset === header.e_phoff &&
    sectionHeaderOffset === header.e_shoff &&
    sectionHeaders.length === view.sectionHeaders.length &&
    programHeaders.length === view.programHeaders.length;
  if (isSame) return;
  const changed = {
    ...header,
    e_phoff: programHeaderOffset,
    e_shoff: sectionHeaderOffset,
    e_phnum: programHeaders.length,
    e_shnum: header.e_shnum + sectionHeaders.length - view.sectionHeaders.length,
  };
  draft.write(EI_NIDENT, Ehdr.encode(changed, format), 'the ELF header');
}

function writeTable<T extends object>(
  draft: Draft,
  type: {size(elfClass: 32 | 64): number; encode(record: T, format: ElfView['format']): Uint8Array},
  [oldStart, before]: readonly [number, readonly T[]],
  [start, after]: readonly [number, readonly T[]],
  describe: (record: T) => string,
): void {
  const {format} = draft.view;
  const size = type.size(format.elfClass);
  // A table that was cleared may come back to its place.
  const isThere = start === oldStart && !draft.hasWritten({offset: start, size: before.length * size});
  after.forEach((record, i) => {
    if (isThere && same(record, before[i])) return;
    draft.write(start + i * size, type.encode(record, format), describe(record));
  });
}

function same<T extends object>(a: T, b: T | undefined): boolean {
  if (b === undefined) return false;
  for (const name in a) if (a[name] !== b[name]) return false;
  return true;
}
