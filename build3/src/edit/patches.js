/** Add a patch to a list of disjoint ones; where they overlap, the later one counts. */
export function addPatch(patches, patch) {
  const start = patch.offset;
  const end = start + patch.bytes.length;
  const kept = patches.flatMap((old) => [
    ...cut(old, old.offset, Math.min(start, old.offset + old.bytes.length)),
    ...cut(old, Math.max(end, old.offset), old.offset + old.bytes.length),
  ]);
  return [...kept, patch].sort((a, b) => a.offset - b.offset);
}
function cut(patch, start, end) {
  if (end <= start) return [];
  return [{...patch, offset: start, bytes: patch.bytes.subarray(start - patch.offset, end - patch.offset)}];
}
/** Turn patches into writes: what stands there already is left out, at both ends and as a whole. */
export function toWrites(source, patches) {
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
    return [{offset: offset + first, bytes: bytes.slice(first, end), before: old.slice(first, end), reason}];
  });
}
//# sourceMappingURL=patches.js.map
