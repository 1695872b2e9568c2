/*
 * What an edit did to each region of a file, for a person who compares the file before and after. Regions match if they
 * have the same kind and name, and the same position among those that share both.
 */
import type {ElfView} from '../../elf/view.js';
import type {Range} from '../../source/range-set.js';
import {type FileRegion, mapFile} from './file-map.js';

/** What happened to a region. */
export type RegionChange = 'same' | 'content' | 'moved' | 'resized' | 'added' | 'removed';

/** One region before and after; `before` is missing for one that is new, `after` for one that is gone. */
export interface RegionPair {
  readonly before: FileRegion | undefined;
  readonly after: FileRegion | undefined;
  /** The most significant change; a region that moved may have new content too. */
  readonly change: RegionChange;
  /** Number of bytes that differ, including the difference in length. */
  readonly different: number;
}

/**
 * Pair the regions of two files, sorted by offset in the second one; removed regions by their old offset.
 *
 * @throws ElfError when a file cannot be mapped or read
 * @example
 *   const bytes = await readFile('qemu-arm');
 *   const before = openElfBuffer(bytes).view;
 *   const after = openElfBuffer(applyPlanToBuffer(bytes, planEdit(before, {rpath: '/opt/lib'}))).view;
 *   const touched = compareMaps(before, after).filter(({change}) => change !== 'same');
 *   console.log(touched.map((pair) => pair.after?.name));
 */
export function compareMaps(before: ElfView, after: ElfView): RegionPair[] {
  const old = keyed(mapFile(before));
  const now = keyed(mapFile(after));
  const pairs = [...now].map(([key, region]) => pair(before, old.get(key), after, region));
  const gone = [...old]
    .filter(([key]) => !now.has(key))
    .map(([, region]) => pair(before, region, after, undefined));
  return [...pairs, ...gone].sort((a, b) => placeOf(a) - placeOf(b));
}

/** Gaps and padding are many and have no names: each is identified by the region before it. */
function keyed(regions: readonly FileRegion[]): Map<string, FileRegion> {
  const turns = new Map<string, number>();
  return new Map(
    regions.map((region, i) => {
      const isFree = region.kind === 'gap' || region.kind === 'padding';
      const name = isFree ? `free after ${regions[i - 1]?.name}` : `${region.kind} ${region.name}`;
      const turn = turns.get(name) ?? 0;
      turns.set(name, turn + 1);
      return [`${turn} ${name}`, region];
    }),
  );
}

function placeOf({before, after}: RegionPair): number {
  return (after ?? before)?.offset ?? 0;
}

function pair(
  oldView: ElfView,
  before: FileRegion | undefined,
  newView: ElfView,
  after: FileRegion | undefined,
): RegionPair {
  if (before === undefined) return {before, after, change: 'added', different: after?.size ?? 0};
  if (after === undefined) return {before, after, change: 'removed', different: before.size};
  const different = countDifferent(oldView, before, newView, after);
  return {before, after, change: changeOf(before, after, different), different};
}

function changeOf(before: FileRegion, after: FileRegion, different: number): RegionChange {
  if (before.size !== after.size) return 'resized';
  if (before.offset !== after.offset) return 'moved';
  return different > 0 ? 'content' : 'same';
}

/** Bytes compared at once: few enough for any memory, enough to be fast. */
const pieceLength = 1 << 18;

function countDifferent(oldView: ElfView, before: FileRegion, newView: ElfView, after: FileRegion): number {
  const common = Math.min(before.size, after.size);
  let count = Math.max(before.size, after.size) - common;
  for (let done = 0; done < common; done += pieceLength) {
    const length = Math.min(pieceLength, common - done);
    const a = oldView.source.read(before.offset + done, length);
    const b = newView.source.read(after.offset + done, length);
    // If an edit is only planned, most bytes share the same memory.
    if (a.buffer === b.buffer && a.byteOffset === b.byteOffset) continue;
    for (let i = 0; i < length; i++) if (a[i] !== b[i]) count += 1;
  }
  return count;
}

/**
 * List where two files differ, byte by byte at the same offset. Ranges with less than `nearness` equal bytes between
 * them count as one.
 */
export function differentRanges(before: ElfView, after: ElfView, nearness = 16): Range[] {
  const ranges: {offset: number; size: number}[] = [];
  const add = (offset: number, size: number) => {
    const last = ranges.at(-1);
    if (last !== undefined && offset - (last.offset + last.size) < nearness)
      last.size = offset + size - last.offset;
    else ranges.push({offset, size});
  };
  const common = Math.min(before.source.size, after.source.size);
  for (let done = 0; done < common; done += pieceLength) {
    const length = Math.min(pieceLength, common - done);
    const a = before.source.read(done, length);
    const b = after.source.read(done, length);
    for (let i = 0; i < length; i++) if (a[i] !== b[i]) add(done + i, 1);
  }
  const longest = Math.max(before.source.size, after.source.size);
  if (longest > common) add(common, longest - common);
  return ranges;
}
