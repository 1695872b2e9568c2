/*
 * The dynamic symbol table: what an object defines and what it wants from others.
 *
 * No entry of the dynamic section says how long the table is. DT_HASH holds the number; without it the section
 * header does; without that the last chain of DT_GNU_HASH ends at the last symbol, because a linker sorts the
 * symbols that are not hashed, the undefined ones, to the front.
 */
import {DT, SHN, SHT} from '../elf/constants.js';
import {defineRecord} from '../elf/record.js';
import {Sym} from '../elf/records.js';
import {decodeString} from '../elf/strings.js';
import {ElfView} from '../elf/view.js';
import type {ByteSource} from '../source/source.js';

export interface DynamicSymbol {
  readonly name: string;
  /** Index in the table; the version of a symbol has the same index. */
  readonly index: number;
  readonly defined: boolean;
  readonly weak: boolean;
}

/** Whether a file defines every one of some names. A table that cannot be read defines nothing. */
export function definesSymbols(source: ByteSource, names: readonly string[]): boolean {
  const defined = new Set(
    readDynamicSymbols(new ElfView(source))
      .filter((symbol) => symbol.defined)
      .map(({name}) => name),
  );
  return names.every((name) => defined.has(name));
}

/**
 * Read the dynamic symbols that take part in binding, local ones left out.
 *
 * @throws ElfError when the table is damaged
 */
export function readDynamicSymbols(view: ElfView): DynamicSymbol[] {
  const {dynamic, format, source} = view;
  const address = dynamic?.value(DT.DT_SYMTAB);
  const offset = address === undefined ? undefined : view.offsetOfAddress(address);
  if (dynamic === undefined || offset === undefined) return [];
  const size = Sym.size(format.elfClass);
  const count = countSymbols(view);
  const bytes = source.read(offset, count * size);
  const table = dynamic.stringTable;
  const strings = source.read(table.offset, table.size);
  const symbols: DynamicSymbol[] = [];
  for (let index = 1; index < count; index++) {
    const {st_name, st_info, st_shndx} = Sym.decode(bytes, format, index * size);
    const binding = st_info >> 4;
    if (binding === STB_LOCAL) continue;
    const name = decodeString(strings.subarray(st_name, strings.indexOf(0, st_name)));
    symbols.push({name, index, defined: st_shndx !== SHN.SHN_UNDEF, weak: binding === STB_WEAK});
  }
  return symbols;
}

const STB_LOCAL = 0;
const STB_WEAK = 2;

const HashHeader = defineRecord('DT_HASH', {nbucket: 'word', nchain: 'word'});
const GnuHashHeader = defineRecord('DT_GNU_HASH', {
  nbuckets: 'word',
  symoffset: 'word',
  bloom_size: 'word',
  bloom_shift: 'word',
});
const Word = defineRecord('Word', {value: 'word'});

/** s390x and alpha are the two on which an entry of DT_HASH is 64 bits wide. */
const wideHash: ReadonlySet<number> = new Set([22, 36902]);

function countSymbols(view: ElfView): number {
  const {dynamic, format, header, source} = view;
  const hash = dynamic?.value(DT.DT_HASH);
  const offset = hash === undefined ? undefined : view.offsetOfAddress(hash);
  if (offset !== undefined && !(format.elfClass === 64 && wideHash.has(header.e_machine))) {
    return HashHeader.decode(source.read(offset, HashHeader.size(32)), format).nchain;
  }
  const section = view.sectionHeaders.find(({sh_type}) => sh_type === SHT.SHT_DYNSYM);
  if (section !== undefined) return Math.floor(section.sh_size / Sym.size(format.elfClass));
  return countByGnuHash(view);
}

function countByGnuHash(view: ElfView): number {
  const {dynamic, format, source} = view;
  const address = dynamic?.value(DT.DT_GNU_HASH);
  const offset = address === undefined ? undefined : view.offsetOfAddress(address);
  if (offset === undefined) return 0;
  const word = (at: number) => Word.decode(source.read(at, Word.size(32)), format).value;
  const {nbuckets, symoffset, bloom_size} = GnuHashHeader.decode(
    source.read(offset, GnuHashHeader.size(32)),
    format,
  );
  const buckets = offset + GnuHashHeader.size(32) + bloom_size * (format.elfClass / 8);
  const chains = buckets + nbuckets * Word.size(32);
  let last = 0;
  for (let i = 0; i < nbuckets; i++) last = Math.max(last, word(buckets + i * Word.size(32)));
  if (last < symoffset) return symoffset;
  while ((word(chains + (last - symoffset) * Word.size(32)) & 1) === 0) last++;
  return last + 1;
}
