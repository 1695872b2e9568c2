/*
 * FreeRange for one more entry in the dynamic section. Most linkers leave spare DT_NULLs; lld leaves none.
 *
 * Then an entry that says what another one says gives its slot. Failing that the section moves, into padding of a
 * writable LOAD or to a LOAD of its own, writable if it was, because ld.so writes DT_DEBUG and relocated pointers into
 * it. Its old bytes stay, for code
 * that has their address in itself; what looks the section up (PT_DYNAMIC, `_DYNAMIC`) finds the new place.
 */
import {DF, DF_1, DT, PF, PT} from '../../elf/constants.js';
import {Dyn, type Phdr} from '../../elf/records.js';
import {openLoad, takeAppended} from './appended-segment.js';
import type {Draft, DynamicPlace} from './draft.js';
import {headroom} from './find-appended-segment.js';
import type {Place} from './free-space.js';
import {takeWritablePlace} from './padding.js';
import {relocate} from './relocate.js';

/** Slots that a moved section gets besides those that it needs. */
const spareSlots = 16;

/**
 * See that the dynamic section can hold the draft's entries, `more` that are yet to come, and a DT_NULL.
 *
 * @throws ElfError NO_ROOM when that takes a segment that cannot be made
 */
export function makeDynamicRoom(draft: Draft, more = 0): void {
  const {dynamicPlace} = draft;
  if (dynamicPlace === undefined) return;
  const needed = () => draft.entries.length + more + 1;
  if (needed() > dynamicPlace.capacity) dropRedundant(draft);
  if (needed() > dynamicPlace.capacity) moveSection(draft, needed());
}

/** DT_FLAGS whose every bit is in DT_FLAGS_1 too, and DT_BIND_NOW beside DF_1_NOW, say nothing of their own. */
function dropRedundant(draft: Draft): void {
  const flags1 = draft.entries.findLast((entry) => entry.d_tag === DT.DT_FLAGS_1)?.d_val ?? 0n;
  const index = draft.entries.findIndex(({d_tag, d_val}) => {
    const bindsNow = d_tag === DT.DT_BIND_NOW ? DF.DF_BIND_NOW : undefined;
    const bits = d_tag === DT.DT_FLAGS ? d_val : bindsNow;
    return bits !== undefined && repeats(flags1, bits);
  });
  const [entry] = index < 0 ? [] : draft.entries.splice(index, 1);
  if (entry === undefined) return;
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
  const place = takeDynamicPlace(draft, segment, slots);
  const size = place.capacity * Dyn.size(draft.view.format.elfClass);
  const wasProtected = isInRelro(draft, segment.p_vaddr, segment.p_memsz);
  if (wasProtected && !isInRelro(draft, place.address, size)) {
    draft.leavesRelro = true;
    draft.notes.push('the dynamic section moved out of the part that is read-only after relocation (RELRO)');
  }
  const {p_offset: offset, p_filesz, p_vaddr: address} = segment;
  relocate(draft, {offset, size: p_filesz, address}, {...place, size});
  draft.dynamicPlace = place;
}

/** MIPS keeps the section in a read-only segment; anywhere else it wants a LOAD that ld.so can write to. */
function takeDynamicPlace(draft: Draft, segment: Phdr, slots: number): DynamicPlace {
  const entry = Dyn.size(draft.view.format.elfClass);
  const isWritable = ((draft.loadAt(segment.p_offset)?.p_flags ?? PF.PF_W) & PF.PF_W) !== 0;
  const capacities = [slots + spareSlots, slots];
  for (const capacity of isWritable ? capacities : []) {
    const place = takeWritablePlace(draft, capacity * entry, 16);
    if (place === undefined) continue;
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
  draft.taken.push({offset: place.offset, size});
  return place;
}

function isInRelro({programHeaders}: Draft, address: bigint, size: number): boolean {
  return programHeaders.some(
    ({p_type, p_vaddr, p_memsz}) =>
      p_type === PT.PT_GNU_RELRO && address >= p_vaddr && address + BigInt(size) <= p_vaddr + BigInt(p_memsz),
  );
}
