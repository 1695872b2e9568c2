/*
 * Do the hash tables lead to every symbol? Look them up as ld.so does (do_lookup_x in elf/dl-lookup.c): by the bucket
 * of the name's hash, along the chain, through the bloom filter. Names are hashed in place; a name is decoded only to
 * report it.
 */
import {DT} from '../constants.js';
import {hashGnu, hashSysv, type NameHash} from '../hash.js';
import {Sym} from '../records.js';
import {readColumn, readU32s} from '../scan.js';
import {byteString, StringBudget, stringsIn} from '../strings.js';
import {
  dynamicSymbolTable,
  type GnuHashTable,
  gnuHashTable,
  hashWordSize,
  readHashHeader,
  type SymbolTable,
} from '../symbols.js';
import type {ElfView} from '../view.js';
import {isPowerOfTwo, type Problem} from './problem.js';

/** More buckets than any real table has. */
const mostBuckets = 1 << 24;

export function* checkHashTables(view: ElfView): Generator<Problem> {
  const table = dynamicSymbolTable(view);
  if (table === undefined) return;
  const names = new Names(view, table);
  yield* checkSysv(view, table, names);
  yield* checkGnu(view, table, names);
}

/** The names of the dynamic symbols, read when first needed. */
class Names {
  readonly #view: ElfView;
  readonly #table: SymbolTable;
  #strings: ReturnType<typeof stringsIn> | undefined;
  #starts: Uint32Array = new Uint32Array();

  constructor(view: ElfView, table: SymbolTable) {
    this.#view = view;
    this.#table = table;
  }

  /** @throws ElfError BAD_ELF when the names overlap excessively */
  hashes(hash: NameHash): Uint32Array {
    const strings = this.#read();
    const budget = new StringBudget(this.#view.source, this.#view.dynamic?.stringTable.size ?? 0);
    return this.#starts.map((start) => {
      const name = strings.at(start);
      budget.take(name.length);
      return hash(name, 0, name.length);
    });
  }

  at(index: number): string {
    const strings = this.#read();
    return byteString(strings.at(this.#starts[index] ?? 0));
  }

  #read(): ReturnType<typeof stringsIn> {
    if (this.#strings === undefined) {
      this.#strings = stringsIn(this.#view.source, this.#view.dynamic?.stringTable ?? {offset: 0, size: 0});
      this.#starts = readColumn(this.#view, Sym, 'st_name', this.#table);
    }
    return this.#strings;
  }
}

function* checkSysv(view: ElfView, {exact, count}: SymbolTable, names: Names): Generator<Problem> {
  const offset = view.offsetOfTable(DT.DT_HASH);
  if (offset === undefined) return;
  const say = (code: string, what: string) => ({code, message: `DT_HASH: ${what}`, offset});
  const {nbucket, nchain} = readHashHeader(view, offset);
  if (nbucket > mostBuckets) yield say('ABSURD_COUNT', `${nbucket} buckets`);
  else if (exact && nchain !== count) yield say('BAD_COUNT', `${nchain} chains for ${count} symbols`);
  else if (exact && hashWordSize(view) === 4) yield* checkChains(view, offset, {nbucket, nchain}, names);
}

/** Walk each chain; more steps than symbols mean that a chain is circular. */
function* checkChains(
  view: ElfView,
  offset: number,
  {nbucket, nchain}: {readonly nbucket: number; readonly nchain: number},
  names: Names,
): Generator<Problem> {
  const say = (code: string, what: string) => ({code, message: `DT_HASH: ${what}`, offset});
  const headSize = 8;
  const buckets = readU32s(view, offset + headSize, nbucket);
  const chains = readU32s(view, offset + headSize + nbucket * 4, nchain);
  const hashes = names.hashes(hashSysv);
  let steps = 0;
  for (let bucket = 0; bucket < nbucket; bucket++) {
    for (let i = buckets[bucket] ?? 0; i !== 0; i = chains[i] ?? 0) {
      steps += 1;
      if (i >= nchain) yield say('CHAIN_OUTSIDE', `bucket ${bucket} points to symbol ${i} of ${nchain}`);
      if (steps > nchain) yield say('CHAIN_RING', `the chain of bucket ${bucket} does not end`);
      if (i >= nchain || steps > nchain) return;
      if ((hashes[i] ?? 0) % nbucket !== bucket)
        yield say('WRONG_CHAIN', `symbol ${i} (${names.at(i)}) is in the chain of another hash`);
    }
  }
}

function* checkGnu(view: ElfView, {exact, count}: SymbolTable, names: Names): Generator<Problem> {
  const table = gnuHashTable(view);
  if (table === undefined) return;
  const {nbuckets, symoffset, bloom_size} = table.header;
  const say = (code: string, what: string) => ({code, message: `DT_GNU_HASH: ${what}`, offset: table.offset});
  if (nbuckets > mostBuckets || bloom_size > mostBuckets) {
    yield say('ABSURD_COUNT', `${nbuckets} buckets, ${bloom_size} bloom words`);
    return;
  }
  if (!isPowerOfTwo(bloom_size))
    yield say('BAD_BLOOM', `the number of bloom words, ${bloom_size}, is not a power of two`);
  if (nbuckets === 0) yield say('NO_BUCKETS', 'there are no buckets');
  const buckets = readU32s(view, table.buckets, nbuckets);
  const astray = buckets.findIndex(
    (first) => first !== 0 && (first < symoffset || (exact && first >= count)),
  );
  if (astray >= 0) yield say('CHAIN_OUTSIDE', `bucket ${astray} points to symbol ${buckets[astray]}`);
  else if (table.symbolCount === undefined && buckets.some((first) => first !== 0))
    yield say('CHAIN_OUTSIDE', 'the last chain does not end');
  if (!isPowerOfTwo(bloom_size) || nbuckets === 0 || table.symbolCount === undefined || !exact) return;
  if (table.symbolCount === count) yield* checkHashed(view, table, buckets, names);
  else yield say('BAD_COUNT', `the chains end at symbol ${table.symbolCount} of ${count}`);
}

/** Look up every hashed symbol. */
function* checkHashed(
  view: ElfView,
  {header, offset, bloom, chains: chainsAt, symbolCount: count = 0}: GnuHashTable,
  buckets: Uint32Array,
  names: Names,
): Generator<Problem> {
  const {nbuckets, symoffset, bloom_size, bloom_shift} = header;
  const {elfClass, littleEndian} = view.format;
  const say = (code: string, what: string) => ({code, message: `DT_GNU_HASH: ${what}`, offset});
  const width = elfClass / 8;
  const filter = view.source.read(bloom, bloom_size * width);
  const isSet = (word: number, bit: number) => {
    const at = word * width + (littleEndian ? bit >> 3 : width - 1 - (bit >> 3));
    return (((filter[at] ?? 0) >> (bit & 7)) & 1) === 1;
  };
  const chains = readU32s(view, chainsAt, count - symoffset);
  const hashes = names.hashes(hashGnu);
  let previous = -1;
  for (let i = symoffset; i < count; i++) {
    const hash = hashes[i] ?? 0;
    const bucket = hash % nbuckets;
    const word = Math.floor(hash / elfClass) % bloom_size;
    const chain = chains[i - symoffset] ?? 0;
    const isFirst = bucket !== previous;
    const isReached = isFirst ? buckets[bucket] === i : ((chains[i - symoffset - 1] ?? 1) & 1) === 0;
    if (!isReached || (chain | 1) >>> 0 !== (hash | 1) >>> 0)
      yield say('NOT_FOUND', `symbol ${i} (${names.at(i)}) is not in the bucket of its hash`);
    else if (!isSet(word, hash % elfClass) || !isSet(word, (hash >>> bloom_shift) % elfClass))
      yield say('NOT_FOUND', `symbol ${i} (${names.at(i)}) is rejected by the bloom filter`);
    previous = bucket;
  }
}
