/*
 * The addresses that dynamic relocations hold without naming a symbol: the addend of each DT_RELA or DT_JMPREL
 * entry, and for DT_REL and DT_RELR the word that stands at the place itself. They are the only pointers into a
 * loaded file that a moved table could break, so before one is moved they are looked through.
 */

import type {ByteSource} from '../source/source.js';
import {windowSource} from '../source/window.js';
import {DT, EM} from './constants.js';
import {Rel, Rela} from './records.js';
import type {ElfView} from './view.js';

/** Does a relocation without a symbol hold an address in [start, end)? */
export function isAddressRelocated(view: ElfView, start: bigint, end: bigint): boolean {
  for (const address of relocatedAddresses(view)) if (address >= start && address < end) return true;
  return false;
}

function* relocatedAddresses(view: ElfView): Generator<bigint> {
  const value = (tag: bigint) => view.dynamic?.value(tag);
  yield* addends(view, value(DT.DT_RELA), value(DT.DT_RELASZ));
  yield* wordsAt(view, placesOfRel(view, value(DT.DT_REL), value(DT.DT_RELSZ)));
  const pltSize = value(DT.DT_PLTRELSZ);
  if (value(DT.DT_PLTREL) === DT.DT_RELA) yield* addends(view, value(DT.DT_JMPREL), pltSize);
  else yield* wordsAt(view, placesOfRel(view, value(DT.DT_JMPREL), pltSize));
  yield* wordsAt(view, placesOfRelr(view, value(DT.DT_RELR), value(DT.DT_RELRSZ)));
}

function* records<T>(
  view: ElfView,
  type: {
    size(elfClass: 32 | 64): number;
    decode(bytes: Uint8Array, format: ElfView['format'], offset: number): T;
  },
  address: bigint | undefined,
  size: bigint | undefined,
): Generator<T> {
  const offset = address === undefined ? undefined : view.offsetOfAddress(address);
  if (offset === undefined || size === undefined) return;
  const source = windowSource(view.source);
  const step = type.size(view.format.elfClass);
  for (let at = 0; at + step <= Number(size); at += step) {
    yield type.decode(source.read(offset + at, step), view.format, 0);
  }
}

function* addends(view: ElfView, address: bigint | undefined, size: bigint | undefined): Generator<bigint> {
  const mask = BigInt.asUintN.bind(undefined, view.format.elfClass);
  for (const {r_info, r_addend} of records(view, Rela, address, size)) {
    if (symbolOf(view, r_info) === 0n) yield mask(r_addend);
  }
}

function* placesOfRel(
  view: ElfView,
  address: bigint | undefined,
  size: bigint | undefined,
): Generator<bigint> {
  for (const {r_info, r_offset} of records(view, Rel, address, size)) {
    if (symbolOf(view, r_info) === 0n) yield r_offset;
  }
}

/** The symbol index of r_info. 64-bit MIPS stores it as a word of its own, which comes first in the file. */
function symbolOf({format, header}: ElfView, r_info: bigint): bigint {
  if (format.elfClass === 32) return r_info >> 8n;
  return header.e_machine === EM.EM_MIPS && format.littleEndian ? r_info & 0xffffffffn : r_info >> 32n;
}

/** DT_RELR: an even word is an address; an odd one is a bitmap of the words behind the last address (gABI). */
function* placesOfRelr(
  view: ElfView,
  address: bigint | undefined,
  size: bigint | undefined,
): Generator<bigint> {
  const offset = address === undefined ? undefined : view.offsetOfAddress(address);
  if (offset === undefined || size === undefined) return;
  const source = windowSource(view.source);
  const word = view.format.elfClass / 8;
  let base = 0n;
  for (let at = 0; at + word <= Number(size); at += word) {
    const entry = readWord(source, view, offset + at);
    if ((entry & 1n) === 0n) {
      yield entry;
      base = entry + BigInt(word);
      continue;
    }
    for (let bit = 1; bit < word * 8; bit++) {
      if (((entry >> BigInt(bit)) & 1n) === 1n) yield base + BigInt((bit - 1) * word);
    }
    base += BigInt((word * 8 - 1) * word);
  }
}

function* wordsAt(view: ElfView, places: Iterable<bigint>): Generator<bigint> {
  const source = windowSource(view.source);
  const word = view.format.elfClass / 8;
  for (const place of places) {
    const offset = view.offsetOfAddress(place);
    if (offset !== undefined && offset + word <= source.size) yield readWord(source, view, offset);
  }
}

function readWord(source: ByteSource, {format}: ElfView, offset: number): bigint {
  const bytes = source.read(offset, format.elfClass / 8);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return format.elfClass === 64
    ? data.getBigUint64(0, format.littleEndian)
    : BigInt(data.getUint32(0, format.littleEndian));
}
