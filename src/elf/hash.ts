/** A hash function for names, over the bytes from `start` up to, but not including, `end`. */
export type NameHash = (bytes: Uint8Array, start: number, end: number) => number;

/** The hash function of DT_HASH and of symbol versions (gABI, "Hash Table"). */
export const hashSysv: NameHash = (bytes, start, end) => {
  let hash = 0;
  for (let i = start; i < end; i++) {
    hash = ((hash << 4) + (bytes[i] as number)) >>> 0;
    const high = hash & 0xf0000000;
    hash = (hash ^ (high >>> 24)) & ~high;
  }
  return hash >>> 0;
};

/** The hash function of DT_GNU_HASH: Bernstein's, 33 times the hash plus the byte. */
export const hashGnu: NameHash = (bytes, start, end) => {
  let hash = 5381;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 33) + (bytes[i] as number)) >>> 0;
  return hash;
};

/** The same of a whole name. */
export function sysvHash(name: Uint8Array): number {
  return hashSysv(name, 0, name.length);
}

/** The same of a whole name. */
export function gnuHash(name: Uint8Array): number {
  return hashGnu(name, 0, name.length);
}
