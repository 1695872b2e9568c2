/** The hash function of DT_HASH and of symbol versions (gABI, "Hash Table"). */
export function sysvHash(name) {
  let hash = 0;
  for (const byte of name) {
    hash = ((hash << 4) + byte) >>> 0;
    const high = hash & 0xf0000000;
    hash = (hash ^ (high >>> 24)) & ~high;
  }
  return hash >>> 0;
}
/** The hash function of DT_GNU_HASH: Bernstein's, 33 times the hash plus the byte. */
export function gnuHash(name) {
  let hash = 5381;
  for (const byte of name) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash;
}
//# sourceMappingURL=hash.js.map
