/*
 * From a map to strips of blocks: one strip for the whole file, and one for each part of it on a scale of its own,
 * since an interpreter of 28 bytes is invisible in a file of megabytes.
 */
import type {FileRegion, RegionKind, SegmentLine} from '../../index.js';
import {short} from '../size.js';
import type {Span} from './report.js';
import {bytes, count, kindNames} from './words.js';

/** A stretch of one colour; positions are parts of the strip, from 0 to 1. */
export interface Block {
  readonly start: number;
  readonly width: number;
  readonly kind: RegionKind;
  /** What to write on it; empty when it is for several regions. */
  readonly name: string;
  /** What to say when the pointer is on it. */
  readonly title: string;
}

export interface Strip {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly blocks: readonly Block[];
  /** Where something changed; positions like those of blocks. */
  readonly marks: readonly {readonly start: number; readonly width: number}[];
}

/** What to draw of one file. */
export interface MapLayout {
  readonly size: number;
  readonly whole: Strip;
  readonly parts: readonly Strip[];
}

/** Lay out a file. `changed` are the places to mark; `scale` is how many bytes the whole strip shows. */
export function layoutMap(
  map: readonly FileRegion[],
  segments: readonly SegmentLine[],
  size: number,
  changed: readonly Span[] = [],
  scale = size,
): MapLayout {
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

interface Part {
  readonly label: string;
  readonly from: number;
  readonly to: number;
}

/** More parts than this are not drawn: a core file has one for each mapping of a process. */
const mostParts = 12;

/** Each LOAD with the bytes after it, up to the next one; then what no LOAD maps. */
function partsOf(segments: readonly SegmentLine[], size: number): Part[] {
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

function labelOf(label: string, map: readonly FileRegion[], from: number, to: number): string {
  const free = map
    .filter(({kind, offset}) => (kind === 'slack' || kind === 'gap') && offset >= from && offset < to)
    .reduce((sum, region) => sum + region.size, 0);
  return `${label}, ${short(to - from)}${free > 0 ? `, ${count(free)} bytes free` : ''}`;
}

interface Scale {
  readonly from: number;
  readonly to: number;
  /** Bytes from the left end of the strip to its right end. */
  readonly scale: number;
}

function makeStrip(label: string, map: readonly FileRegion[], scale: Scale, changed: readonly Span[]): Strip {
  const {from, to} = scale;
  const inside = map.filter(({offset, size}) => offset < to && offset + size > from);
  return {label, from, to, blocks: joinSmall(inside, scale), marks: marksOf(changed, scale)};
}

/** Blocks smaller than this fraction of a strip are merged with their neighbours. */
const smallest = 1 / 1400;

function joinSmall(regions: readonly FileRegion[], scale: Scale): Block[] {
  const blocks: Block[] = [];
  let run: FileRegion[] = [];
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

function blockOf(run: readonly FileRegion[], {from, to, scale}: Scale): Block {
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

function describeRegion({name, kind, offset, size}: FileRegion): string {
  return `${name} (${kindNames[kind]}): ${bytes(size)} at 0x${offset.toString(16)}`;
}

function marksOf(changed: readonly Span[], {from, to, scale}: Scale): Strip['marks'] {
  return changed
    .filter(({offset, size}) => offset < to && offset + size > from)
    .map(({offset, size}) => {
      const start = Math.max(from, offset);
      return {start: (start - from) / scale, width: (Math.min(to, offset + size) - start) / scale};
    });
}
