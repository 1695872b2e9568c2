/*
 * Before bytes move: does anything still point at their old place that cannot follow? DT_* entries, section headers and
 * symbols can be updated when a table moves; an address inside code, data or a relocation cannot.
 */
import {DT, SHN, SHT, STT} from '../../elf/constants.js';
import {type Shdr, Sym} from '../../elf/records.js';
import {isAddressRelocated} from '../../elf/relocations.js';
import {baseOf, column, distance, type RecordRange, read, scan, wideColumn} from '../../elf/scan.js';
import {readString} from '../../elf/strings.js';
import {dynamicSymbolTable} from '../../elf/symbols.js';
import {isTableTag} from '../../elf/tables.js';
import type {ElfView} from '../../elf/view.js';
import type {Draft} from './draft.js';

/** Addresses from `low` up to, but not including, `high`. */
export interface AddressRange {
  readonly low: bigint;
  readonly high: bigint;
}

/** Would anything that cannot be updated still point into the range? */
export function isAddressed({view, values}: Draft, {low, high}: AddressRange): boolean {
  const within = (address: bigint) => address >= low && address < high;
  if (within(view.header.e_entry)) return true;
  const isPointer = (tag: bigint) => !isTableTag(view, tag) && pointerTags.has(tag);
  if (values.some(({d_tag, d_val}) => within(d_val) && isPointer(d_tag))) return true;
  return isDynamicSymbolIn(view, {low, high}) || isAddressRelocated(view, low, high);
}

function isDynamicSymbolIn(view: ElfView, range: AddressRange): boolean {
  const table = dynamicSymbolTable(view);
  if (table === undefined) return false;
  // A section's own symbol follows the section.
  const followers: readonly number[] =
    view.sectionHeaders.length > 0 ? [STT.STT_TLS, STT.STT_SECTION] : [STT.STT_TLS];
  let isFound = false;
  scanSymbolsIn(view, table, range, ({st_info, st_shndx}) => {
    isFound ||= st_shndx !== SHN.SHN_UNDEF && !followers.includes(st_info & 0xf);
  });
  return isFound;
}

/** Visit the symbols of a table whose value is in the range. */
function scanSymbolsIn(
  view: ElfView,
  table: RecordRange,
  {low, high}: AddressRange,
  visit: (symbol: Pick<Sym, 'st_name' | 'st_info' | 'st_shndx'>) => void,
): void {
  const {format} = view;
  const value = wideColumn(Sym, 'st_value', format);
  const [name, info, section] = [
    column(Sym, 'st_name', format),
    column(Sym, 'st_info', format),
    column(Sym, 'st_shndx', format),
  ];
  const [base, size] = [baseOf(low), Number(high - low)];
  scan(view, Sym, table, (words, count) => {
    for (let i = 0, at = 0; i < count; i++, at += value.step) {
      const far = distance(words, at, value, base);
      if (far < 0 || far >= size) continue;
      visit({
        st_name: read(words, at, name),
        st_info: read(words, at, info),
        st_shndx: read(words, at, section),
      });
    }
  });
}

/** Tags that point at things that code or data refers to; these must not move along with a table. */
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

/** Does a symbol table name anything in the range, so that code may read it by that name? */
export function isNamed(view: ElfView, {low, high}: AddressRange): boolean {
  const size = Sym.size(view.format.elfClass);
  let isFound = false;
  for (const table of view.sectionHeaders) {
    if (table.sh_type !== SHT.SHT_SYMTAB && table.sh_type !== SHT.SHT_DYNSYM) continue;
    const range = {offset: table.sh_offset, count: Math.floor(table.sh_size / size)};
    scanSymbolsIn(view, range, {low, high}, ({st_name, st_info, st_shndx}) => {
      const isReal = st_shndx !== SHN.SHN_UNDEF && st_shndx !== SHN.SHN_ABS;
      isFound ||=
        isReal && !placeless.has(st_info & 0xf) && !meaninglessNames.test(nameIn(view, table, st_name));
    });
  }
  return isFound;
}

/** Symbol types that code does not use to read bytes: section symbols, and offsets into a thread's TLS block. */
const placeless: ReadonlySet<number> = new Set([STT.STT_SECTION, STT.STT_TLS]);

/**
 * `__abi_tag` is in the start files of every program; `$d` and the like mark the kind of bytes that follow (AAELF32,
 * "Mapping symbols"; RISC-V psABI has them too).
 */
const meaninglessNames = /^(__abi_tag|\$[adtx](\..*)?)$/;

function nameIn(view: ElfView, table: Shdr, name: number): string {
  const strings = view.sectionHeaders[table.sh_link];
  if (strings === undefined || name >= strings.sh_size) return '';
  return readString(view.source, strings.sh_offset, strings.sh_size, name);
}
