/*
 * Make room for another entry in the dynamic section. Most linkers leave spare DT_NULLs; lld leaves none.
 *
 * In that case the slot of a redundant entry is reused. Failing that, the section moves into padding of a writable LOAD
 * or to a LOAD of its own, writable if it was before, because ld.so writes DT_DEBUG and relocated pointers into it. The
 * old bytes stay for code that refers to them directly (`_DYNAMIC`); anything that uses PT_DYNAMIC finds the new place.
 * A file that relocates itself uses only `_DYNAMIC`, so there the section has to stay.
 */
import {DF, DF_1, DT, ET, PF, PT} from '../../elf/constants.js';
import {nameKind} from '../../elf/kind.js';
import {Dyn, type Phdr} from '../../elf/records.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import {openLoad, takeAppended} from './appended-segment.js';
import type {Draft, DynamicPlace, Place} from './draft.js';
import {headroom} from './find-appended-segment.js';
import {findWritablePlace} from './padding.js';
import {relocate} from './relocate.js';

/** Extra slots for a moved section. */
const spareSlots = 16;

/**
 * Ensure that the dynamic section can hold the draft's entries and a DT_NULL.
 *
 * @throws ElfError NO_ROOM when that takes a segment that cannot be added, UNSAFE_EDIT when the section would have to
 *   move
 *   in a file that relocates itself
 */
export function makeDynamicRoom(draft: Draft): void {
  const {capacity = Number.POSITIVE_INFINITY} = draft.dynamicPlace ?? {};
  if (draft.entries.length >= capacity) dropRedundant(draft);
  if (draft.entries.length >= capacity) moveSection(draft, draft.entries.length + 1);
}

/** DT_FLAGS is redundant if DT_FLAGS_1 has all its bits, and so is DT_BIND_NOW if DF_1_NOW is set. */
function dropRedundant(draft: Draft): void {
  const flags1 = draft.value(DT.DT_FLAGS_1) ?? 0n;
  const entry = draft.values.find(({d_tag, d_val}) => {
    const bindsNow = d_tag === DT.DT_BIND_NOW ? DF.DF_BIND_NOW : undefined;
    const bits = d_tag === DT.DT_FLAGS ? d_val : bindsNow;
    return bits !== undefined && repeats(flags1, bits);
  });
  if (entry === undefined) return;
  draft.replaceEntries((other) => other === entry);
  const name = entry.d_tag === DT.DT_FLAGS ? 'DT_FLAGS' : 'DT_BIND_NOW';
  draft.notes.push(`${name} was replaced by the new entry; DT_FLAGS_1 has the same meaning`);
}

function repeats(flags1: bigint, flags: bigint): boolean {
  const pairs = [
    [DF.DF_BIND_NOW, DF_1.DF_1_NOW],
    [DF.DF_ORIGIN, DF_1.DF_1_ORIGIN],
  ] as const;
  const known = pairs.reduce((bits, [bit, bit1]) => ((flags1 & bit1) === 0n ? bits : bits | bit), 0n);
  return (flags & ~known) === 0n;
}

function moveSection(draft: Draft, slots: number): void {
  const segment = draft.programHeaders.find((phdr) => phdr.p_type === PT.PT_DYNAMIC);
  if (segment === undefined) return;
  requireMovable(draft.view);
  const place = takeDynamicPlace(draft, segment, slots);
  const size = place.capacity * Dyn.size(draft.view.format.elfClass);
  const {p_offset: offset, p_filesz, p_vaddr: address} = segment;
  const leavesRelro = isInRelro(draft, address, segment.p_memsz) && !isInRelro(draft, place.address, size);
  if (leavesRelro)
    draft.notes.push('the dynamic section moved out of the part that is read-only after relocation (RELRO)');
  relocate(draft, {offset, size: p_filesz, address}, {...place, size});
  draft.placeDynamic(place, leavesRelro);
}

function requireMovable(view: ElfView): void {
  if (!relocatesItself(view)) return;
  throw new ElfError(
    'UNSAFE_EDIT',
    'the dynamic section cannot move in a file that relocates itself, because its code has the old address',
    {path: view.path, expected: 'a spare entry in the dynamic section', got: `none, in ${nameKind(view)}`},
  );
}

/**
 * A static program or a dynamic loader: it starts although nothing loads it. In files of lld, the ones whose section
 * has to move, no other library has an entry point.
 */
function relocatesItself(view: ElfView): boolean {
  const {dynamic, header} = view;
  if (view.segment(PT.PT_INTERP) !== undefined || dynamic?.tags.includes(DT.DT_NEEDED)) return false;
  const isPie = ((dynamic?.value(DT.DT_FLAGS_1) ?? 0n) & DF_1.DF_1_PIE) !== 0n;
  return header.e_type === ET.ET_EXEC || isPie || header.e_entry !== 0n;
}

/** MIPS keeps the section in a read-only segment; on other machines it needs a LOAD that ld.so can write to. */
function takeDynamicPlace(draft: Draft, segment: Phdr, slots: number): DynamicPlace {
  const entry = Dyn.size(draft.view.format.elfClass);
  const isWritable = ((draft.loadAt(segment.p_offset)?.p_flags ?? PF.PF_W) & PF.PF_W) !== 0;
  for (const capacity of isWritable ? [slots + spareSlots, slots] : []) {
    const place = findWritablePlace(draft, capacity * entry, 16);
    if (place === undefined) continue;
    draft.take({offset: place.offset, size: capacity * entry});
    draft.placed('slack');
    return {...place, capacity};
  }
  const capacity = slots + spareSlots;
  const size = capacity * entry;
  const place = isWritable ? openOwnLoad(draft, size) : takeAppended(draft, size, 16);
  return {...place, capacity};
}

function openOwnLoad(draft: Draft, size: number): Place {
  draft.placed('new-segment');
  const load = openLoad(draft, {flags: PF.PF_R | PF.PF_W, size});
  const place = {offset: load.p_offset + headroom, address: load.p_vaddr + BigInt(headroom)};
  draft.take({offset: place.offset, size});
  return place;
}

function isInRelro({programHeaders}: Draft, address: bigint, size: number): boolean {
  return programHeaders.some(
    ({p_type, p_vaddr, p_memsz}) =>
      p_type === PT.PT_GNU_RELRO && address >= p_vaddr && address + BigInt(size) <= p_vaddr + BigInt(p_memsz),
  );
}
