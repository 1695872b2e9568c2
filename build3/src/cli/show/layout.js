import {bytes, count, kindNames, short} from './words.js';
/** Lay out a file. `changed` are the places to mark; `scale` is how many bytes the whole strip stands for. */
export function layoutMap(map, segments, size, changed = [], scale = size) {
  const parts = partsOf(segments, size);
  return {
    size,
    whole: makeStrip('whole file', map, {from: 0, to: size, scale}, changed),
    parts:
      parts.length < 2
        ? []
        : parts.map(({label, from, to}) =>
            makeStrip(labelOf(label, map, from, to), map, {from, to, scale: to - from}, changed),
          ),
  };
}
/** More parts than this are not drawn: a core file has one for each mapping of a process. */
const mostParts = 12;
/** Each LOAD with the bytes behind it, up to the next one; then what no LOAD maps. */
function partsOf(segments, size) {
  const loads = segments
    .filter(({type, size: length, offset}) => type === 'PT_LOAD' && length > 0 && offset < size)
    .sort((a, b) => a.offset - b.offset);
  const last = loads.at(-1);
  const mapped = last === undefined ? 0 : Math.min(size, last.offset + last.size);
  const parts = [
    ...loads.map((load, i) => ({
      label: load.flags,
      from: i === 0 ? 0 : load.offset,
      to: loads[i + 1]?.offset ?? mapped,
    })),
    {label: 'not loaded', from: mapped, to: size},
  ];
  return loads.length > mostParts ? [] : parts.filter(({from, to}) => to > from);
}
function labelOf(label, map, from, to) {
  const free = map
    .filter(({kind, offset}) => (kind === 'slack' || kind === 'gap') && offset >= from && offset < to)
    .reduce((sum, region) => sum + region.size, 0);
  return `${label}, ${short(to - from)}${free > 0 ? `, ${count(free)} bytes free` : ''}`;
}
function makeStrip(label, map, scale, changed) {
  const {from, to} = scale;
  const inside = map.filter(({offset, size}) => offset < to && offset + size > from);
  return {label, from, to, blocks: joinSmall(inside, scale), marks: marksOf(changed, scale)};
}
/** Blocks below this part of a strip are drawn together with their neighbours. */
const smallest = 1 / 1400;
function joinSmall(regions, scale) {
  const blocks = [];
  let run = [];
  let length = 0;
  const flush = () => {
    if (run.length > 0) blocks.push(blockOf(run, scale));
    run = [];
    length = 0;
  };
  for (const region of regions) {
    if (region.size / scale.scale >= smallest) flush();
    run.push(region);
    length += region.size;
    if (length / scale.scale >= smallest) flush();
  }
  flush();
  return blocks;
}
function blockOf(run, {from, to, scale}) {
  const [first, last] = [run[0], run.at(-1)];
  const start = Math.max(from, first?.offset ?? from);
  const end = Math.min(to, (last?.offset ?? 0) + (last?.size ?? 0));
  const largest = run.reduce((a, b) => (b.size > a.size ? b : a));
  return {
    start: (start - from) / scale,
    width: (end - start) / scale,
    kind: largest.kind,
    name: run.length === 1 ? largest.name : '',
    title:
      run.length === 1
        ? describeRegion(largest)
        : `${count(run.length)} regions, the largest ${describeRegion(largest)}`,
  };
}
function describeRegion({name, kind, offset, size}) {
  return `${name} (${kindNames[kind]}): ${bytes(size)} at 0x${offset.toString(16)}`;
}
function marksOf(changed, {from, to, scale}) {
  return changed
    .filter(({offset, size}) => offset < to && offset + size > from)
    .map(({offset, size}) => {
      const start = Math.max(from, offset);
      return {start: (start - from) / scale, width: (Math.min(to, offset + size) - start) / scale};
    });
}
//# sourceMappingURL=layout.js.map
