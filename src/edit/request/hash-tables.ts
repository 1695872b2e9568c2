/*
 * Rebuild the hash tables of dynamic symbols in place: the numbers of buckets and bloom words stay the same, so no
 * table changes size. Formats: gABI for DT_HASH; for DT_GNU_HASH ld.so's do_lookup_x (elf/dl-lookup.c).
 */
import {DT} from '../../elf/constants.js';
import {GnuHashHeader, HashHeader, WideHashHeader} from '../../elf/records.js';
import {gnuHashTable, hashWordSize, readHashHeader} from '../../elf/symbols.js';
import type {ElfView} from '../../elf/view.js';
import {encodeWords, readWords} from '../../elf/words.js';
import {ElfError} from '../../errors.js';
import type {Draft} from '../layout/draft.js';
import {writeAtTable} from '../layout/moved-tables.js';

/** A symbol's name, hashed both ways. */
export interface HashedName {
  readonly isEmpty: boolean;
  readonly sysv: number;
  readonly gnu: number;
}

/**
 * Fill DT_GNU_HASH. Returns the symbol order it requires: for each place, the symbol to put there.
 */
export function fillGnuHash(draft: Draft, names: readonly HashedName[]): number[] {
  const {view} = draft;
  const table = gnuHashTable(view);
  const order = names.map((_, i) => i);
  if (table === undefined) throw outside(view, 'DT_GNU_HASH');
  if (table.symbolCount === undefined) return order;
  if (table.symbolCount !== names.length) {
    throw new ElfError('UNSAFE_EDIT', 'DT_GNU_HASH does not end with the last symbol', {
      path: view.path,
      expected: `${names.length} symbols`,
      got: `${table.symbolCount}`,
    });
  }
  const {header, offset} = table;
  const first = header.symoffset;
  const hashes = names.map(({gnu}) => gnu);
  const hashed = sortByBucket(order.slice(first), hashes, header.nbuckets);
  const content = layOut(view, header, hashed, hashes, first);
  const reason = 'the hash table of symbols (DT_GNU_HASH)';
  writeAtTable(draft, DT.DT_GNU_HASH, offset + GnuHashHeader.size(view.format.elfClass), content, reason);
  return [...order.slice(0, first), ...hashed];
}

/** Fill DT_MIPS_XHASH, which is DT_GNU_HASH followed by a list of symbol numbers. */
export function fillXhash(draft: Draft, names: readonly HashedName[], tag: bigint): void {
  const {view} = draft;
  const {elfClass} = view.format;
  const offset = view.offsetOfAddress(view.dynamic?.value(tag) ?? 0n);
  if (offset === undefined) throw outside(view, 'DT_MIPS_XHASH');
  const size = GnuHashHeader.size(elfClass);
  const header = GnuHashHeader.decode(view.source.read(offset, size), view.format);
  const count = names.length - header.symoffset;
  const start = offset + size + (header.bloom_size * elfClass) / 8 + header.nbuckets * 4 + count * 4;
  const hashes = names.map(({gnu}) => gnu);
  const hashed = sortByBucket(readWords(view, start, count), hashes, header.nbuckets);
  const content = layOut(view, header, hashed, hashes, header.symoffset);
  const reason = 'the hash table of symbols (DT_MIPS_XHASH)';
  writeAtTable(draft, tag, offset + size, content, reason);
  writeAtTable(draft, tag, start, encodeWords(hashed, view.format), reason);
}

/** Fill DT_HASH: each chain in the order GNU ld uses, the last symbol first. */
export function fillSysvHash(draft: Draft, names: readonly HashedName[]): void {
  const {view} = draft;
  const offset = view.offsetOfAddress(view.dynamic?.value(DT.DT_HASH) ?? 0n);
  if (offset === undefined) throw outside(view, 'DT_HASH');
  const {nbucket, nchain} = readHashHeader(view, offset);
  if (nchain !== names.length) {
    throw new ElfError('UNSAFE_EDIT', 'DT_HASH has the wrong number of symbols', {
      path: view.path,
      expected: `${names.length}`,
      got: `${nchain}`,
    });
  }
  if (nbucket === 0) return;
  const buckets = new Array<number>(nbucket).fill(0);
  const chains = new Array<number>(nchain).fill(0);
  names.forEach(({isEmpty, sysv}, i) => {
    if (isEmpty) return;
    chains[i] = buckets[sysv % nbucket] ?? 0;
    buckets[sysv % nbucket] = i;
  });
  const width = hashWordSize(view);
  const header = (width === 8 ? WideHashHeader : HashHeader).size(view.format.elfClass);
  const content = encodeWords([...buckets, ...chains], view.format, width);
  writeAtTable(draft, DT.DT_HASH, offset + header, content, 'the hash table of symbols (DT_HASH)');
}

/** The sort is stable, so a symbol moves only if it must. */
function sortByBucket(symbols: readonly number[], hashes: readonly number[], nbuckets: number): number[] {
  const bucket = (i: number) => (hashes[i] ?? 0) % nbuckets;
  return [...symbols].sort((a, b) => bucket(a) - bucket(b));
}

/**
 * Bloom filter, buckets and chain words. A chain word is the hash, with its lowest bit set only in the last word of a
 * chain.
 */
function layOut(
  {format}: ElfView,
  {bloom_size, bloom_shift, nbuckets}: GnuHashHeader,
  sorted: readonly number[],
  hashes: readonly number[],
  first: number,
): Uint8Array {
  const width = format.elfClass / 8;
  const bloom = new Uint8Array(bloom_size * width);
  const buckets = new Array<number>(nbuckets).fill(0);
  const chains = sorted.map((symbol, k) => {
    const hash = hashes[symbol] ?? 0;
    const word = Math.floor(hash / format.elfClass) & (bloom_size - 1);
    for (const bit of [hash % format.elfClass, (hash >>> bloom_shift) % format.elfClass]) {
      const byte = format.littleEndian ? bit >> 3 : width - 1 - (bit >> 3);
      const at = word * width + byte;
      bloom[at] = (bloom[at] ?? 0) | (1 << (bit & 7));
    }
    const bucket = hash % nbuckets;
    if (buckets[bucket] === 0) buckets[bucket] = first + k;
    const next = sorted[k + 1];
    const isLast = next === undefined || (hashes[next] ?? 0) % nbuckets !== bucket;
    return isLast ? (hash | 1) >>> 0 : (hash & ~1) >>> 0;
  });
  const words = encodeWords([...buckets, ...chains], format);
  const content = new Uint8Array(bloom.length + words.length);
  content.set(bloom);
  content.set(words, bloom.length);
  return content;
}

function outside({path}: ElfView, table: string): ElfError {
  return new ElfError('BAD_ELF', `${table} does not point into the file`, {path});
}
