import {checkRange} from './source.js';
/**
 * See a source as it would be after `patches`, without writing anything. Patches must not overlap one another.
 *
 * @param size the length afterwards; bytes past the old end that no patch gives are zero
 */
export function overlaySource(inner, patches, size = inner.size) {
  const sorted = [...patches].sort((a, b) => a.offset - b.offset);
  const source = {
    path: inner.path,
    size,
    read(offset, length) {
      checkRange(source, offset, length);
      const touching = sorted.filter((p) => p.offset < offset + length && p.offset + p.bytes.length > offset);
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
//# sourceMappingURL=overlay.js.map
