import {firstEndingAfter, type Patch} from '../../source/overlay.js';
import type {ByteSource} from '../../source/source.js';
import type {Write} from '../plan.js';

export interface ReasonedPatch extends Patch {
  readonly reason: string;
}

/**
 * Add a patch to a list of disjoint ones sorted by offset; where it overlaps older ones, it wins. A table of a million
 * symbols can give a million patches, so only those that it touches are visited.
 */
export function addPatch(patches: ReasonedPatch[], patch: ReasonedPatch): void {
  const start = patch.offset;
  const end = start + patch.bytes.length;
  if (start === end) return;
  const first = firstEndingAfter(patches, start);
  let last = first;
  while (last < patches.length && (patches[last]?.offset ?? end) < end) last += 1;
  const kept = patches.slice(first, last);
  const before = kept.slice(0, 1).flatMap((old) => cut(old, old.offset, start));
  const after = kept.slice(-1).flatMap((old) => cut(old, end, old.offset + old.bytes.length));
  patches.splice(first, last - first, ...before, patch, ...after);
}

function cut(patch: ReasonedPatch, start: number, end: number): ReasonedPatch[] {
  if (end <= start) return [];
  return [{...patch, offset: start, bytes: patch.bytes.subarray(start - patch.offset, end - patch.offset)}];
}

/**
 * Turn patches into writes, trimming bytes at both ends that do not change and omitting patches that change nothing.
 */
export function toWrites(source: ByteSource, patches: readonly ReasonedPatch[]): Write[] {
  return patches.flatMap(({offset, bytes, reason}) => {
    const old = source.read(
      Math.min(offset, source.size),
      Math.max(0, Math.min(bytes.length, source.size - offset)),
    );
    let first = 0;
    while (first < bytes.length && first < old.length && bytes[first] === old[first]) first += 1;
    let end = bytes.length;
    while (end > first && end <= old.length && bytes[end - 1] === old[end - 1]) end -= 1;
    if (first === end) return [];
    // No copy: a patch owns its bytes, which may be many megabytes.
    const own = bytes.subarray(first, end);
    return [{offset: offset + first, bytes: own, before: old.slice(first, end), reason}];
  });
}
