import {firstEndingAfter, type Patch} from '../../source/overlay.js';
import type {ByteSource} from '../../source/source.js';
import type {Write} from '../plan.js';

export interface ReasonedPatch extends Patch {
  readonly reason: string;
}

/**
 * Add a patch to a list of disjoint ones in the order of their offsets; where they overlap, the later one counts. A
 * table of a million symbols gives a million patches, so only those that it touches are looked at.
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

/** Turn patches into writes: what is there already is left out, at both ends and as a whole. */
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
    // A patch's bytes are its own, and may be many megabytes.
    const own = bytes.subarray(first, end);
    return [{offset: offset + first, bytes: own, before: old.slice(first, end), reason}];
  });
}
