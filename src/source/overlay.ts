import {type ByteSource, checkRange} from './source.js';

/** Bytes that replace those at an offset, or extend the file. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * View a source as it would be after `patches`, without writing anything. Patches must not overlap one another.
 *
 * @param size the length afterwards; bytes past the old end that no patch covers are zero
 */
export function overlaySource(inner: ByteSource, patches: readonly Patch[], size = inner.size): ByteSource {
  const sorted = [...patches].sort((a, b) => a.offset - b.offset);
  const source: ByteSource = {
    path: inner.path,
    size,
    read(offset, length) {
      checkRange(source, offset, length);
      const touching: Patch[] = [];
      for (let i = firstEndingAfter(sorted, offset); i < sorted.length; i++) {
        const patch = sorted[i];
        if (patch === undefined || patch.offset >= offset + length) break;
        touching.push(patch);
      }
      const fromInner = Math.max(0, Math.min(length, inner.size - offset));
      if (touching.length === 0 && fromInner > 0 && fromInner === length) return inner.read(offset, length);
      const result = new Uint8Array(length);
      if (fromInner > 0) result.set(inner.read(offset, fromInner));
      for (const patch of touching) {
        const start = Math.max(patch.offset, offset);
        const end = Math.min(patch.offset + patch.bytes.length, offset + length);
        result.set(patch.bytes.subarray(start - patch.offset, end - patch.offset), start - offset);
      }
      return result;
    },
  };
  return source;
}

/** The index of the first of ordered, disjoint patches that ends after an offset. */
export function firstEndingAfter(patches: readonly Patch[], offset: number): number {
  let [low, high] = [0, patches.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const {offset: start = 0, bytes} = patches[middle] ?? {};
    if (start + (bytes?.length ?? 0) > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
