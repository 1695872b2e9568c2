/*
 * The segments of a file as they are after the loader's first step at a known address: with DT_RELR and every
 * R_*_RELATIVE relocation applied. All others are left to the loader, which goes by the dynamic section: there, DT_RELA
 * now begins after the applied ones, and DT_RELR is empty.
 *
 * The order is the loader's (glibc, elf/dynamic-link.h): DT_RELR, then DT_RELA from its start, so where two change one
 * word the result is the same. Applying stops at the first that is not relative, or whose word is not in the file.
 * DT_RELACOUNT, which the loader trusts blindly, is ignored.
 */
import {DT, EM, PT} from '../../elf/constants.js';
import {Dyn, type Phdr, Rela} from '../../elf/records.js';
import {eachPackedPlace} from '../../elf/relocations.js';
import {baseOf, distance, type RecordRange, scan, wideColumn} from '../../elf/scan.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError} from '../../errors.js';
import {RelocatedWords} from './relocated-words.js';
import {copySegment, type SegmentCopy} from './segment-copy.js';

/** Segments, and how many relocations were applied to them. */
export interface Relocated {
  readonly segments: readonly SegmentCopy[];
  readonly count: number;
}

/**
 * Relocate segments of a file.
 *
 * @param loads all that are writable, and others that are to be copied
 * @param base how far they are from the addresses in the headers
 * @throws ElfError BAD_ELF, TRUNCATED
 */
export function relocate(view: ElfView, loads: readonly Phdr[], base: bigint, page: number): Relocated {
  const segments = loads.map((load) => copySegment(view, load, page));
  const dynamic = dynamicIn(view, segments);
  if (dynamic === undefined) return {segments, count: 0};
  const words = new RelocatedWords(view, segments);
  const packed = applyPacked(view, words, base);
  if (packed === undefined) return {segments, count: 0};
  const count = applyRelative(view, words, base);
  const size = BigInt(count * Rela.size(64));
  dynamic.change(DT.DT_RELA, (address) => address + size);
  dynamic.change(DT.DT_RELASZ, (length) => length - size);
  dynamic.change(DT.DT_RELACOUNT, () => 0n);
  dynamic.change(DT.DT_RELRSZ, () => 0n);
  return {segments, count: count + packed};
}

/** The dynamic section in the copied segments, to be changed; undefined if that is not what the loader reads. */
function dynamicIn({dynamic, format}: ElfView, segments: readonly SegmentCopy[]) {
  if (dynamic === undefined || (dynamic.value(DT.DT_RELAENT) ?? 24n) !== 24n) return undefined;
  const {offset, address, capacity, tags} = dynamic;
  const size = Dyn.size(format.elfClass);
  const own = segments.find(
    (copy) => offset >= copy.offset && offset + capacity * size <= copy.offset + copy.bytes.length,
  );
  if (own === undefined || own.address + BigInt(offset - own.offset) !== address) return undefined;
  const data = new DataView(own.bytes.buffer, own.bytes.byteOffset + offset - own.offset);
  const change = (tag: bigint, next: (value: bigint) => bigint) => {
    const at = tags.lastIndexOf(tag) * size + size / 2;
    if (at > 0) data.setBigUint64(at, BigInt.asUintN(64, next(data.getBigUint64(at, true))), true);
  };
  return {change};
}

/**
 * Apply DT_RELR and return how many words it changes; undefined, with nothing changed, if one of them is left to the
 * loader.
 */
function applyPacked(view: ElfView, words: RelocatedWords, base: bigint): number | undefined {
  const entry = view.offsetOfTable(DT.DT_RELR) ?? 0;
  const most = words.count;
  let [count, isLeft] = [0, false];
  eachPackedPlace(view, words.base, (place) => {
    count++;
    if (count > most) throw tooMany(view, entry, most);
    isLeft = !words.holds(place, entry);
    return isLeft;
  });
  if (isLeft) return undefined;
  const by = baseOf(base);
  eachPackedPlace(view, words.base, (place) => {
    words.add(place, by, entry);
    return false;
  });
  return count;
}

/** A linker names each word once; a hostile table of a megabyte names eight million. */
function tooMany({path}: ElfView, offset: number, most: number): ElfError {
  const expected = `at most ${most} words, as the writable segments have`;
  return new ElfError('BAD_ELF', 'DT_RELR changes more words than there are', {path, offset, expected});
}

/** Apply the relative relocations at the start of DT_RELA and return how many there are. */
function applyRelative(view: ElfView, words: RelocatedWords, base: bigint): number {
  const table = relaTable(view);
  const type = view.header.e_machine === EM.EM_AARCH64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE;
  const place = wideColumn(Rela, 'r_offset', view.format);
  const addend = wideColumn(Rela, 'r_addend', view.format);
  const info = wideColumn(Rela, 'r_info', view.format);
  const by = baseOf(base);
  let applied = 0;
  scan(view, Rela, table, (records, count) => {
    for (let i = 0, at = 0; i < count; i++, at += place.step) {
      if (records[at + info.low] !== type || records[at + info.high] !== 0) return true;
      const value = {low: records[at + addend.low] as number, high: records[at + addend.high] as number};
      const entry = table.offset + applied * Rela.size(64);
      if (!words.set(distance(records, at, place, words.base), value, by, entry)) return true;
      applied++;
    }
    return false;
  });
  return applied;
}

const R_X86_64_RELATIVE = 8;
const R_AARCH64_RELATIVE = 1027;

/** DT_RELA, up to DT_JMPREL if that is in it. @throws ElfError BAD_ELF when it is not in one segment */
function relaTable(view: ElfView): RecordRange {
  const [offset, jump] = [DT.DT_RELA, DT.DT_JMPREL].map((tag) => view.offsetOfTable(tag));
  const size = Number(view.dynamic?.value(DT.DT_RELASZ) ?? 0n);
  if (offset === undefined || size === 0) return {offset: 0, count: 0};
  const isInSegment = view
    .segments(PT.PT_LOAD)
    .some(({p_offset, p_filesz}) => offset >= p_offset && offset + size <= p_offset + p_filesz);
  if (!isInSegment) {
    throw new ElfError('BAD_ELF', 'DT_RELASZ extends past the end of a segment', {
      path: view.path,
      offset,
      got: `${size}`,
      value: size,
    });
  }
  const end = jump !== undefined && jump > offset ? Math.min(jump, offset + size) : offset + size;
  return {offset, count: Math.floor((end - offset) / Rela.size(64))};
}
