/*
 * Drawing a map to scale: many regions, few places. Each place shows only the kind that has most of it, so that lengths
 * stay true; what must be visible anyway is marked next to the map.
 */
import type {FileRegion, RegionKind} from '../../index.js';
import type {Span} from './report.js';

/** Divide the first `size` bytes into `places` equal parts, and tell the kind that has most of each. */
export function sample(map: readonly FileRegion[], size: number, places: number): (RegionKind | undefined)[] {
  const result: (RegionKind | undefined)[] = [];
  let first = 0;
  for (let i = 0; i < places; i++) {
    const [start, end] = [(i * size) / places, ((i + 1) * size) / places];
    while ((map[first]?.offset ?? size) + (map[first]?.size ?? 0) <= start && first < map.length) first += 1;
    result.push(largest(map, first, start, end));
  }
  return result;
}

function largest(
  map: readonly FileRegion[],
  first: number,
  start: number,
  end: number,
): RegionKind | undefined {
  const sums = new Map<RegionKind, number>();
  let best: RegionKind | undefined;
  for (let i = first; i < map.length; i++) {
    const region = map[i];
    if (region === undefined || region.offset >= end) break;
    const sum =
      (sums.get(region.kind) ?? 0) +
      Math.min(end, region.offset + region.size) -
      Math.max(start, region.offset);
    sums.set(region.kind, sum);
    if (best === undefined || sum > (sums.get(best) ?? 0)) best = region.kind;
  }
  return best;
}

/** Which of `places` equal parts of `size` bytes do the spans touch? */
export function touched(spans: readonly Span[], size: number, places: number): boolean[] {
  const result = new Array<boolean>(places).fill(false);
  for (const {offset, size: length} of spans) {
    const from = Math.floor((offset * places) / size);
    const to = Math.floor((Math.max(offset, offset + length - 1) * places) / size);
    result.fill(true, Math.min(from, places - 1), Math.min(to + 1, places));
  }
  return result;
}

/** Bytes of each kind. */
export function totals(map: readonly FileRegion[]): Map<RegionKind, number> {
  const sums = new Map<RegionKind, number>();
  for (const {kind, size} of map) sums.set(kind, (sums.get(kind) ?? 0) + size);
  return sums;
}

/** The largest regions, in the order of the file, and how many are left. */
export function largestRegions(
  map: readonly FileRegion[],
  most: number,
): {kept: readonly FileRegion[]; left: number} {
  if (map.length <= most) return {kept: map, left: 0};
  const chosen = new Set([...map].sort((a, b) => b.size - a.size).slice(0, most));
  return {kept: map.filter((region) => chosen.has(region)), left: map.length - most};
}
