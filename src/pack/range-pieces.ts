/*
 * What is written into the range that the handler serves from, and for the program's data.
 */
import type {PackedContents} from '../elf/packed.js';
import type {ElfView} from '../elf/view.js';
import type {CopiedSegment} from './fixed/data-segments.js';
import type {MemoryLayout} from './fixed/memory-layout.js';
import {relocate} from './fixed/relocated.js';
import type {PackPiece} from './plan.js';
import type {InRange, ServedRange} from './range.js';

/** Bytes as a piece has them. */
export function sized(bytes: Uint8Array): {size: number; bytes: Uint8Array} {
  return {size: bytes.length, bytes};
}

/** The loader and the libraries. @param address of the range when the file runs */
export function rangePieces(
  {files}: ServedRange,
  {parts}: PackedContents,
  offset: number,
  address: bigint,
): PackPiece[] {
  const copied = files.map((file, i) => {
    const part = i + 1;
    const what = parts[part]?.names[0] ?? '';
    const {size} = file.view.source;
    const at = offset + file.offset;
    if (file.layout === undefined) return [{offset: at, size, part, from: 0, what}];
    const {cut} = file.layout;
    return [
      {offset: at, size: cut, part, from: 0, what},
      ...readyPieces(file, file.layout, at, address + BigInt(file.offset), what),
      {offset: offset + file.rest, size: size - cut, part, from: cut, what: `${what}, the rest as it was`},
    ];
  });
  return copied.flat().sort((a, b) => a.offset - b.offset);
}

/** What a library has in memory at a place where its file has something else. */
function readyPieces(
  {view}: InRange,
  {cut, end, copied, align}: MemoryLayout,
  at: number,
  address: bigint,
  what: string,
): PackPiece[] {
  const before = end > cut ? [{offset: at + cut, ...sized(view.source.read(cut, end - cut)), what}] : [];
  const {segments} = relocate(view, copied, address, align);
  const own = segments.map((one) => ({
    offset: at + Number(one.address),
    ...sized(one.bytes),
    what: `${what}, relocated`,
  }));
  return [...before, ...own];
}

/** The program's writable segments. */
export function dataPieces(
  view: ElfView,
  data: readonly CopiedSegment[],
  base: bigint,
  page: number,
): PackPiece[] {
  const loads = data.map(({load}) => load);
  return relocate(view, loads, base, page).segments.map(({bytes}, i) => ({
    offset: data[i]?.offset ?? 0,
    ...sized(bytes),
    what: 'data of the program, relocated',
  }));
}
