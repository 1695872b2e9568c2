import {mapFile} from './file-map.js';
/**
 * Pair the regions of two files, in the order of the second one; those that are gone stand where they were.
 *
 * @throws ElfError when a file cannot be mapped or read
 */
export function compareMaps(before, after) {
  const old = keyed(mapFile(before));
  const now = keyed(mapFile(after));
  const pairs = [...now].map(([key, region]) => pair(before, old.get(key), after, region));
  const gone = [...old]
    .filter(([key]) => !now.has(key))
    .map(([, region]) => pair(before, region, after, undefined));
  return [...pairs, ...gone].sort((a, b) => placeOf(a) - placeOf(b));
}
/** Gaps and padding are many and have no names: each is known by what stands before it. */
function keyed(regions) {
  const turns = new Map();
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
function placeOf({before, after}) {
  return (after ?? before)?.offset ?? 0;
}
function pair(oldView, before, newView, after) {
  if (before === undefined) return {before, after, change: 'added', different: after?.size ?? 0};
  if (after === undefined) return {before, after, change: 'removed', different: before.size};
  const different = countDifferent(oldView, before, newView, after);
  return {before, after, change: changeOf(before, after, different), different};
}
function changeOf(before, after, different) {
  if (before.size !== after.size) return 'resized';
  if (before.offset !== after.offset) return 'moved';
  return different > 0 ? 'content' : 'same';
}
/** How much is compared at once: small enough for any memory, large enough to be quick. */
const pieceLength = 1 << 18;
function countDifferent(oldView, before, newView, after) {
  const common = Math.min(before.size, after.size);
  let count = Math.max(before.size, after.size) - common;
  for (let done = 0; done < common; done += pieceLength) {
    const length = Math.min(pieceLength, common - done);
    const a = oldView.source.read(before.offset + done, length);
    const b = newView.source.read(after.offset + done, length);
    // Of an edit that is only planned, most bytes are the very same memory.
    if (a.buffer === b.buffer && a.byteOffset === b.byteOffset) continue;
    for (let i = 0; i < length; i++) if (a[i] !== b[i]) count += 1;
  }
  return count;
}
/**
 * List where two files differ, byte by byte at the same offset. Ranges with less than `nearness` equal bytes between
 * them count as one.
 */
export function differentRanges(before, after, nearness = 16) {
  const ranges = [];
  const add = (offset, size) => {
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
//# sourceMappingURL=compare-maps.js.map
