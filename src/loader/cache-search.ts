/*
 * Look up a name in ld.so.cache like search_cache in glibc's elf/dl-cache.c: with the same bisection, so that an
 * unsorted cache misleads this code just as it misleads the loader.
 */
import type {MachineFacts} from '../elf/machine.js';
import {type CacheEntry, cacheEntry, type LdCache} from './ld-cache.js';

/** What decides which entry is taken. */
interface CacheQuery {
  readonly machine: MachineFacts;
  /** Names of glibc-hwcaps subdirectories that are acceptable, best first. */
  readonly hwcaps: readonly string[];
  /** Legacy hwcap bits that are acceptable: none since glibc 2.37. */
  readonly legacyHwcaps: bigint;
  /** Earlier answers, by `sameName`: all entries of a cache can have the same name. */
  readonly answers?: Map<string, CacheEntry | undefined>;
}

/** The entry that the loader takes for a name; only its path is tried. */
export function findInCache(cache: LdCache, name: string, query: CacheQuery): CacheEntry | undefined {
  if (name.length > longestName) return undefined;
  const key = sameName(name);
  const {answers} = query;
  if (answers?.has(key)) return answers.get(key);
  const found = search(cache, name, query);
  answers?.set(key, found);
  return found;
}

/** No file has a longer path; comparing a longer name with every entry of a hostile cache would take minutes. */
const longestName = 4095;

/** A key that is the same for names that `compareNames` considers equal. */
function sameName(name: string): string {
  return name.replace(/\d+/g, (digits) => {
    const value = digits.length < 10 ? Number(digits) : readNumber(encoder.encode(digits), 0).value;
    return `${value} `;
  });
}

function search(cache: LdCache, name: string, query: CacheQuery): CacheEntry | undefined {
  const [own, ...others] = cacheIds(query.machine);
  let best: CacheEntry | undefined;
  for (const entry of entriesOf(cache, name)) {
    if (entry.flags !== own && !others.includes(entry.flags)) continue;
    if (entry.hwcaps !== undefined) {
      if (isBetter(entry, best, query)) best = entry;
      continue;
    }
    // After entries of the subdirectories come the ordinary ones, which are taken when there is nothing better.
    if (cache.layout === 'new' && best !== undefined) break;
    if (cache.layout === 'new' && (entry.legacyHwcap & ~query.legacyHwcaps) !== 0n) continue;
    best = entry;
    if (entry.flags === own) break;
  }
  return best;
}

function isBetter({hwcaps}: CacheEntry, best: CacheEntry | undefined, query: CacheQuery): boolean {
  const rank = query.hwcaps.indexOf(hwcaps ?? '');
  const others = best === undefined ? -1 : query.hwcaps.indexOf(best.hwcaps ?? '');
  return rank >= 0 && (others < 0 || rank < others);
}

/** The entries of a name, in the order of the file; one whose path is outside the cache is left out. */
function* entriesOf(cache: LdCache, name: string): Generator<CacheEntry> {
  const bytes = encoder.encode(name);
  const {first, last} = bisect(cache, bytes);
  for (let i = first; i <= last && compareAt(cache, i, bytes) === 0; i++) {
    const entry = cacheEntry(cache, i);
    if (entry !== undefined) yield entry;
  }
}

const encoder = new TextEncoder();

/** Where the entries of a name begin, and where they end at the latest; an empty range if there are none. */
function bisect(cache: LdCache, name: Uint8Array): {first: number; last: number} {
  let left = 0;
  let right = cache.entries.keys.length - 1;
  while (left <= right) {
    const middle = (left + right) >> 1;
    const order = compareAt(cache, middle, name);
    if (order === undefined) break;
    if (order === 0) {
      let first = middle;
      while (first > 0 && compareAt(cache, first - 1, name) === 0) first--;
      return {first, last: right};
    }
    // ldconfig sorts in descending order.
    if (order < 0) left = middle + 1;
    else right = middle - 1;
  }
  return {first: 0, last: -1};
}

/** How a name compares with that of an entry; undefined when the entry's is outside the cache. */
function compareAt({entries, strings}: LdCache, index: number, name: Uint8Array): number | undefined {
  const key = entries.keys[index];
  return key === undefined || key >= strings.length ? undefined : compareNames(name, strings, key);
}

/** _dl_cache_libcmp: runs of digits compare by their value, so that libx.so.10 comes after libx.so.9. */
function compareNames(name: Uint8Array, strings: Uint8Array, start: number): number {
  let a = 0;
  let b = start;
  while (a < name.length) {
    const own = name[a] ?? 0;
    const other = strings[b] ?? 0;
    if (isDigit(own) && isDigit(other)) {
      const ours = readNumber(name, a);
      const theirs = readNumber(strings, b);
      if (ours.value !== theirs.value) return ours.value - theirs.value;
      a = ours.end;
      b = theirs.end;
    } else if (own !== other || isDigit(own)) {
      return isDigit(own) ? 1 : isDigit(other) ? -1 : own - other;
    } else {
      a++;
      b++;
    }
  }
  return -(strings[b] ?? 0);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** A number as C's int takes it: one that is too long wraps around. */
function readNumber(bytes: Uint8Array, start: number): {value: number; end: number} {
  let value = 0;
  let end = start;
  for (; isDigit(bytes[end] ?? 0); end++) value = (Math.imul(value, 10) + (bytes[end] ?? 0) - 0x30) | 0;
  return {value, end};
}

/**
 * The values of `flags` that a loader accepts (_dl_cache_check_flags), its own first: a type in the low byte (3 is
 * ELF with libc6) and an ABI in the next.
 */
function cacheIds({e_machine, e_flags, elfClass, littleEndian}: MachineFacts): readonly number[] {
  switch (e_machine) {
    case 8:
      return [mipsId(elfClass, e_flags)];
    case 21:
      return [0x503];
    case 22:
      return [elfClass === 64 ? 0x403 : 3];
    case 40:
      return [(e_flags & 0x400) !== 0 ? 0x903 : 0xb03, 3];
    case 43:
      return [0x103];
    case 50:
      return [0x203];
    case 62:
      return [elfClass === 64 ? 0x303 : 0x803];
    case 183:
      return [littleEndian || elfClass === 64 ? 0xa03 : 3];
    case 243:
      return [(e_flags & 6) === 4 ? 0x1003 : 0xf03];
    case 258:
      return [(e_flags & 7) === 3 ? 0x1103 : 0x1203];
    default:
      return [3, 1];
  }
}

function mipsId(elfClass: 32 | 64, e_flags: number): number {
  const nan2008 = (e_flags & 0x400) !== 0;
  if (elfClass === 64) return nan2008 ? 0xe03 : 0x703;
  if ((e_flags & 0x20) !== 0) return nan2008 ? 0xd03 : 0x603;
  return nan2008 ? 0xc03 : 3;
}
