/*
 * Before bytes move: does anything still point at their old place that cannot follow? DT_* entries, section headers
 * and symbols follow a table; an address inside code, data or a relocation does not.
 */
import {DT, SHN, SHT, STT} from '../elf/constants.js';
import {type Shdr, Sym} from '../elf/records.js';
import {isAddressRelocated} from '../elf/relocations.js';
import {readString} from '../elf/strings.js';
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
  // A section's own symbol follows the section.
  const followers: readonly number[] =
    view.sectionHeaders.length > 0 ? [STT.STT_TLS, STT.STT_SECTION] : [STT.STT_TLS];
  let isSymbol = false;
  const symbols = dynamicSymbolTable(view);
  if (symbols !== undefined) {
    eachSymbol(view, symbols.offset, symbols.count, ({st_info, st_shndx, st_value}) => {
      isSymbol ||= st_shndx !== SHN.SHN_UNDEF && within(st_value) && !followers.includes(st_info & 0xf);
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

/** Does a symbol table give something in the range a name by which code may read it? */
export function isNamed(view: ElfView, {low, high}: AddressRange): boolean {
  const size = Sym.size(view.format.elfClass);
  let isFound = false;
  for (const table of view.sectionHeaders) {
    if (table.sh_type !== SHT.SHT_SYMTAB && table.sh_type !== SHT.SHT_DYNSYM) continue;
    eachSymbol(
      view,
      table.sh_offset,
      Math.floor(table.sh_size / size),
      ({st_name, st_info, st_shndx, st_value}) => {
        if (isFound || st_value < low || st_value >= high) return;
        const isReal = st_shndx !== SHN.SHN_UNDEF && st_shndx !== SHN.SHN_ABS;
        isFound =
          isReal && !placeless.has(st_info & 0xf) && !meaninglessNames.test(nameIn(view, table, st_name));
      },
    );
  }
  return isFound;
}

/** Symbols that no code reads bytes by: of a section, and offsets into the block of a thread. */
const placeless: ReadonlySet<number> = new Set([STT.STT_SECTION, STT.STT_TLS]);

/**
 * `__abi_tag` is in the start files of every program; `$d` and its like say what kind of bytes follow (AAELF32,
 * "Mapping symbols"; RISC-V psABI has them too).
 */
const meaninglessNames = /^(__abi_tag|\$[adtx](\..*)?)$/;

function nameIn(view: ElfView, table: Shdr, name: number): string {
  const strings = view.sectionHeaders[table.sh_link];
  if (strings === undefined || name >= strings.sh_size) return '';
  return readString(view.source, strings.sh_offset, strings.sh_size, name);
}
