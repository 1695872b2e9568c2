/*
 * Is every dynamic symbol still what it was, under the name that the request gives it, and do relocations and hash
 * tables still lead to it? The order of the symbols may differ: a hash table wants its own. The hash tables are
 * asked as ld.so asks them, by other code than the one that fills them.
 */
import {DT, EM} from '../elf/constants.js';
import {gnuHash, sysvHash} from '../elf/hash.js';
import {Rel, Rela, type Sym} from '../elf/records.js';
import {relocationSymbol, relocationTables} from '../elf/relocations.js';
import {toByteString} from '../elf/strings.js';
import {
  dynamicSymbolNames,
  dynamicSymbolTable,
  eachSymbol,
  gnuHashTable,
  hashWordSize,
  readHashHeader,
} from '../elf/symbols.js';
import type {ElfView} from '../elf/view.js';
import {readWords} from '../elf/words.js';
import {ElfError} from '../errors.js';
import type {Plan} from './plan.js';
import type {EditRequest} from './request.js';

/** @throws ElfError CHECK_FAILED naming the symbol */
export function checkSymbols(
  before: ElfView,
  after: ElfView,
  plan: Plan,
  requests: readonly EditRequest[],
): void {
  const table = dynamicSymbolTable(before);
  if (table === undefined || !isTouched(before, after, plan)) return;
  const renames = requests.flatMap(({renameSymbols}) => (renameSymbols === undefined ? [] : [renameSymbols]));
  if (renames.length === 0) {
    if (table.exact)
      checkNames(before, dynamicSymbolNames(before, table.count), dynamicSymbolNames(after, table.count));
    return;
  }
  const [old, now] = [symbolsOf(before, table.count, renames), symbolsOf(after, table.count, [])];
  checkNames(before, [...old].sort(), [...now].sort());
  checkRelocations(before, after, old, now);
  checkSysvHash(before, after, table.count);
  checkGnuHash(before, after, table.count);
}

function fail(view: ElfView, what: string, expected: string, got: string): never {
  throw new ElfError('CHECK_FAILED', `internal error, nothing was written: ${what}`, {
    path: view.path,
    expected,
    got,
  });
}

/** Names can only change when the string table moves or is written, or the symbol table is. */
function isTouched(before: ElfView, after: ElfView, plan: Plan): boolean {
  const [old, now] = [before.dynamic?.stringTable, after.dynamic?.stringTable];
  const symbols = dynamicSymbolTable(before);
  if (old === undefined || now === undefined || symbols === undefined) return false;
  if (old.offset !== now.offset || symbols.offset !== dynamicSymbolTable(after)?.offset) return true;
  const starts = [old, {offset: symbols.offset, size: symbols.count}];
  return plan.writes.some((write) =>
    starts.some(
      ({offset, size}) => write.offset < offset + size && write.offset + write.bytes.length > offset,
    ),
  );
}

function checkNames(view: ElfView, old: readonly string[], now: readonly string[]): void {
  const at = old.findIndex((name, i) => name !== now[i]);
  if (at >= 0) fail(view, 'a dynamic symbol changes', JSON.stringify(old[at]), `${JSON.stringify(now[at])}`);
}

/** What a symbol is, in one string, under the name that it shall have. Its value counts only with its section. */
function symbolsOf(
  view: ElfView,
  count: number,
  renames: readonly Readonly<Record<string, string>>[],
): string[] {
  const maps = renames.map(
    (names) => new Map(Object.entries(names).map((pair) => [toByteString(pair[0]), toByteString(pair[1])])),
  );
  const old = dynamicSymbolNames(view, count);
  const found: string[] = [];
  forEachSymbol(view, count, ({st_info, st_other, st_shndx, st_size, st_value}, i) => {
    const name = maps.reduce((current, names) => names.get(current) ?? current, old[i] ?? '');
    const base = view.sectionHeaders[st_shndx]?.sh_addr ?? 0n;
    found.push([name, st_info, st_other, st_shndx, st_size, st_value - base].join(' '));
  });
  return found;
}

function forEachSymbol(view: ElfView, count: number, visit: (symbol: Sym, index: number) => void): void {
  const table = dynamicSymbolTable(view);
  if (table !== undefined) eachSymbol(view, table.offset, count, visit);
}

/** Each relocation is of the same kind, at the same place, and speaks of the same symbol. */
function checkRelocations(
  before: ElfView,
  after: ElfView,
  old: readonly string[],
  now: readonly string[],
): void {
  const describe = function* (view: ElfView, symbols: readonly string[]): Generator<string> {
    for (const {offset, size, hasAddend} of relocationTables(view)) {
      const step = (hasAddend ? Rela : Rel).size(view.format.elfClass);
      const bytes = view.source.read(offset, size);
      for (let at = 0; at + step <= size; at += step) {
        const {r_offset, r_info} = Rel.decode(bytes, view.format, at);
        const symbol = relocationSymbol(view, r_info);
        const type = view.format.elfClass === 32 ? r_info & 0xffn : r_info & 0xffffffffn;
        const addend = hasAddend ? Rela.decode(bytes, view.format, at).r_addend : 0n;
        const kind = view.header.e_machine === EM.EM_MIPS ? '' : type;
        yield [r_offset, kind, addend, symbol === 0 ? 'none' : symbols[symbol]].join(' ');
      }
    }
  };
  const found = describe(after, now);
  for (const expected of describe(before, old)) {
    const next = found.next();
    if (next.value !== expected) fail(before, 'a relocation changes', expected, `${next.value}`);
  }
}

/** Every symbol that DT_HASH led to is led to by its name. */
function checkSysvHash(before: ElfView, after: ElfView, count: number): void {
  const address = after.dynamic?.value(DT.DT_HASH);
  const offset = address === undefined ? undefined : after.offsetOfAddress(address);
  if (offset === undefined || hashWordSize(after) === 8) return;
  const {nbucket, nchain} = readHashHeader(after, offset);
  const buckets = readWords(after, offset + 8, nbucket);
  const chains = readWords(after, offset + 8 + nbucket * 4, nchain);
  const reached = new Set<number>();
  const names = dynamicSymbolNames(after, count);
  buckets.forEach((first, bucket) => {
    for (let i = first; i !== 0 && !reached.has(i); i = chains[i] ?? 0) {
      if (sysvHash(bytesOf(names[i] ?? '')) % nbucket === bucket) reached.add(i);
      else fail(before, 'DT_HASH leads elsewhere', names[i] ?? '', `bucket ${bucket}`);
    }
  });
  names.forEach((name, i) => {
    if (i > 0 && name !== '' && !reached.has(i))
      fail(before, 'DT_HASH does not lead to a symbol', name, 'none');
  });
}

/** Every symbol behind the first hashed one passes the bloom filter and stands in the chain of its bucket. */
function checkGnuHash(before: ElfView, after: ElfView, count: number): void {
  const table = gnuHashTable(after);
  if (table?.symbolCount === undefined) return;
  const {nbuckets, symoffset, bloom_size, bloom_shift} = table.header;
  const {elfClass, littleEndian} = after.format;
  const filter = after.source.read(table.bloom, (bloom_size * elfClass) / 8);
  const buckets = readWords(after, table.buckets, nbuckets);
  const chains = readWords(after, table.chains, count - symoffset);
  dynamicSymbolNames(after, count).forEach((name, i) => {
    if (i < symoffset) return;
    const hash = gnuHash(bytesOf(name));
    const word = (Math.floor(hash / elfClass) % bloom_size) * (elfClass / 8);
    const isSet = (bit: number) => {
      const at = word + (littleEndian ? bit >> 3 : elfClass / 8 - 1 - (bit >> 3));
      return (((filter[at] ?? 0) >> (bit & 7)) & 1) === 1;
    };
    let at = buckets[hash % nbuckets] ?? 0;
    while (at !== 0 && at < i && ((chains[at - symoffset] ?? 1) & 1) === 0) at += 1;
    const isHashed = ((chains[i - symoffset] ?? 0) | 1) >>> 0 === (hash | 1) >>> 0;
    if (at !== i || !isHashed || !isSet(hash % elfClass) || !isSet((hash >>> bloom_shift) % elfClass))
      fail(before, 'DT_GNU_HASH does not lead to a symbol', name, 'none');
  });
}

function bytesOf(name: string): Uint8Array {
  return Uint8Array.from(name, (character) => character.charCodeAt(0));
}
