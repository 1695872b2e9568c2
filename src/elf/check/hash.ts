/*
 * Do the hash tables lead to every symbol? They are asked as ld.so asks them (do_lookup_x in elf/dl-lookup.c): by the
 * bucket of the name's hash, along the chain, through the bloom filter.
 */
import {DT} from '../constants.js';
import {gnuHash, sysvHash} from '../hash.js';
import {
  dynamicSymbolNames,
  dynamicSymbolTable,
  gnuHashTable,
  hashWordSize,
  readHashHeader,
} from '../symbols.js';
import type {ElfView} from '../view.js';
import {readWords} from '../words.js';
import {isPowerOfTwo, type Problem} from './problem.js';

/** More buckets than any real table has. */
const mostBuckets = 1 << 24;

export function* checkHashTables(view: ElfView): Generator<Problem> {
  const table = dynamicSymbolTable(view);
  if (table === undefined) return;
  yield* checkSysv(view, table.exact ? table.count : undefined);
  yield* checkGnu(view, table.exact ? table.count : undefined);
}

function* checkSysv(view: ElfView, count: number | undefined): Generator<Problem> {
  const address = view.dynamic?.value(DT.DT_HASH);
  const offset = address === undefined ? undefined : view.offsetOfAddress(address);
  if (offset === undefined) return;
  const say = (code: string, what: string) => ({code, message: `DT_HASH: ${what}`, offset});
  const {nbucket, nchain} = readHashHeader(view, offset);
  if (nbucket > mostBuckets) yield say('ABSURD_COUNT', `${nbucket} buckets`);
  else if (count !== undefined && nchain !== count)
    yield say('BAD_COUNT', `${nchain} chains for ${count} symbols`);
  else if (count !== undefined && hashWordSize(view) === 4) yield* checkChains(view, offset, nbucket, nchain);
}

/** Walk each chain; more steps than symbols mean that one of them is a ring. */
function* checkChains(view: ElfView, offset: number, nbucket: number, nchain: number): Generator<Problem> {
  const say = (code: string, what: string) => ({code, message: `DT_HASH: ${what}`, offset});
  const headSize = 8;
  const buckets = readWords(view, offset + headSize, nbucket);
  const chains = readWords(view, offset + headSize + nbucket * 4, nchain);
  const names = dynamicSymbolNames(view, nchain);
  let steps = 0;
  for (const [bucket, first] of buckets.entries()) {
    for (let i = first; i !== 0; i = chains[i] ?? 0) {
      steps += 1;
      if (i >= nchain) yield say('CHAIN_OUTSIDE', `bucket ${bucket} leads to symbol ${i} of ${nchain}`);
      if (steps > nchain) yield say('CHAIN_RING', `bucket ${bucket} does not end`);
      if (i >= nchain || steps > nchain) return;
      if (sysvHash(bytesOf(names[i] ?? '')) % nbucket !== bucket)
        yield say('WRONG_CHAIN', `symbol ${i} (${names[i]}) is in the chain of another hash`);
    }
  }
}

function* checkGnu(view: ElfView, count: number | undefined): Generator<Problem> {
  const table = gnuHashTable(view);
  if (table === undefined) return;
  const {nbuckets, symoffset, bloom_size, bloom_shift} = table.header;
  const say = (code: string, what: string) => ({code, message: `DT_GNU_HASH: ${what}`, offset: table.offset});
  if (nbuckets > mostBuckets || bloom_size > mostBuckets) {
    yield say('ABSURD_COUNT', `${nbuckets} buckets, ${bloom_size} bloom words`);
    return;
  }
  if (!isPowerOfTwo(bloom_size)) yield say('BAD_BLOOM', `${bloom_size} bloom words are no power of two`);
  if (nbuckets === 0) yield say('NO_BUCKETS', 'there are no buckets');
  const buckets = readWords(view, table.buckets, nbuckets);
  const astray = buckets.findIndex(
    (first) => first !== 0 && (first < symoffset || first >= (count ?? first + 1)),
  );
  if (astray >= 0) yield say('CHAIN_OUTSIDE', `bucket ${astray} leads to symbol ${buckets[astray]}`);
  else if (table.symbolCount === undefined && buckets.some((first) => first !== 0))
    yield say('CHAIN_OUTSIDE', 'the last chain does not end');
  if (!isPowerOfTwo(bloom_size) || nbuckets === 0 || table.symbolCount === undefined || count === undefined)
    return;
  if (table.symbolCount !== count) {
    yield say('BAD_COUNT', `the chains end at symbol ${table.symbolCount} of ${count}`);
    return;
  }
  const {elfClass, littleEndian} = view.format;
  const width = elfClass / 8;
  const filter = view.source.read(table.bloom, bloom_size * width);
  const chains = readWords(view, table.chains, count - symoffset);
  const names = dynamicSymbolNames(view, count);
  let previous = -1;
  for (let i = symoffset; i < count; i++) {
    const hash = gnuHash(bytesOf(names[i] ?? ''));
    const bucket = hash % nbuckets;
    const word = (Math.floor(hash / elfClass) % bloom_size) * width;
    const isSet = (bit: number) => {
      const at = word + (littleEndian ? bit >> 3 : width - 1 - (bit >> 3));
      return (((filter[at] ?? 0) >> (bit & 7)) & 1) === 1;
    };
    const chain = chains[i - symoffset] ?? 0;
    const isFirst = bucket !== previous;
    const isReached = isFirst ? buckets[bucket] === i : ((chains[i - symoffset - 1] ?? 1) & 1) === 0;
    if (!isReached || (chain | 1) >>> 0 !== (hash | 1) >>> 0)
      yield say('NOT_FOUND', `symbol ${i} (${names[i]}) is not where its hash leads`);
    else if (!isSet(hash % elfClass) || !isSet((hash >>> bloom_shift) % elfClass))
      yield say('NOT_FOUND', `symbol ${i} (${names[i]}) does not pass the bloom filter`);
    previous = bucket;
  }
}

/** Names are one character a byte, see `dynamicSymbolNames`. */
function bytesOf(name: string): Uint8Array {
  return Uint8Array.from(name, (character) => character.charCodeAt(0));
}
