/*
 * Before bytes move: does anything still point at their old place that cannot follow? DT_* entries, section headers
 * and symbols follow a table; an address inside code, data or a relocation does not.
 */
import {DT, SHN, SHT, STT} from '../elf/constants.js';
import {Sym} from '../elf/records.js';
import {isAddressRelocated} from '../elf/relocations.js';
import {dynamicSymbolTable, eachSymbol} from '../elf/symbols.js';
import {isTableTag} from '../elf/tables.js';
import type {ElfView} from '../elf/view.js';
import type {Draft} from './draft.js';

/** Addresses from `low` up to, but not including, `high`. */
export interface AddressRange {
  readonly low: bigint;
  readonly high: bigint;
}

/** Would anything that cannot follow still point into the range? */
export function isAddressed({view, entries}: Draft, {low, high}: AddressRange): boolean {
  const within = (address: bigint) => address >= low && address < high;
  if (within(view.header.e_entry)) return true;
  const isPointer = (tag: bigint) => !isTableTag(view, tag) && pointerTags.has(tag);
  if (entries.some(({d_tag, d_val}) => within(d_val) && isPointer(d_tag))) return true;
  let isSymbol = false;
  const symbols = dynamicSymbolTable(view);
  if (symbols !== undefined) {
    eachSymbol(view, symbols.offset, symbols.count, (symbol) => {
      isSymbol ||= symbol.st_shndx !== SHN.SHN_UNDEF && within(symbol.st_value);
    });
  }
  return isSymbol || isAddressRelocated(view, low, high);
}

/** Tags that point at what code or data refers to; a table must not drag such a thing along. */
const pointerTags: ReadonlySet<bigint> = new Set([
  DT.DT_PLTGOT,
  DT.DT_INIT,
  DT.DT_FINI,
  DT.DT_INIT_ARRAY,
  DT.DT_FINI_ARRAY,
  DT.DT_PREINIT_ARRAY,
  DT.DT_TLSDESC_PLT,
  DT.DT_TLSDESC_GOT,
]);

/** Call `visit` with the name of every symbol, sections' own excepted, that a symbol table defines in the range. */
export function eachSymbolIn(view: ElfView, {low, high}: AddressRange, visit: (name: number) => void): void {
  const size = Sym.size(view.format.elfClass);
  for (const table of view.sectionHeaders) {
    if (table.sh_type !== SHT.SHT_SYMTAB && table.sh_type !== SHT.SHT_DYNSYM) continue;
    eachSymbol(view, table.sh_offset, Math.floor(table.sh_size / size), (symbol) => {
      const {st_name, st_info, st_shndx, st_value} = symbol;
      const isInside = st_value >= low && st_value < high;
      const isReal = st_shndx !== SHN.SHN_UNDEF && st_shndx !== SHN.SHN_ABS;
      if (isInside && isReal && (st_info & 0xf) !== STT.STT_SECTION) visit(st_name);
    });
  }
}
