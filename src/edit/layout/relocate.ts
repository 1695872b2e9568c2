/*
 * A range of the file goes elsewhere, and everything that refers to it follows: segments, sections with their symbols,
 * DT_* entries, and the draft's own list of tables. Moving the bytes is left to the caller, since not all move them
 * alike: an interpreter is written anew, the old dynamic section stays for code that knows its address.
 *
 * One rule says what follows: what begins inside the range. What begins where the range does also takes its new size.
 */
import {EM, machineDT, PT, SHF, SHT} from '../../elf/constants.js';
import {Sym} from '../../elf/records.js';
import {eachSymbolOf} from '../../elf/symbols.js';
import {isTableSegment} from '../../elf/table-kinds.js';
import {isTableTag} from '../../elf/tables.js';
import {ElfView} from '../../elf/view.js';
import type {Range} from '../../source/range-set.js';
import type {Draft} from './draft.js';

/** A range of the file that is mapped. */
export interface MappedRange extends Range {
  readonly address: bigint;
}

/** Let what refers to a range refer to another place. */
export function relocate(draft: Draft, range: MappedRange, to: MappedRange): void {
  // It may be one of the records that change here.
  const from = {offset: range.offset, size: range.size, address: range.address};
  const shift = {bytes: to.offset - from.offset, address: to.address - from.address};
  const has = (address: bigint) => address >= from.address && address < from.address + BigInt(from.size);
  const isResized = (offset: number) => to.size !== from.size && offset === from.offset;
  const {e_machine} = draft.view.header;
  for (const segment of draft.programHeaders) {
    const isTable = segment.p_type === PT.PT_DYNAMIC || isTableSegment(segment.p_type, e_machine);
    if (!isTable || segment.p_filesz === 0 || !has(segment.p_vaddr)) continue;
    if (isResized(segment.p_offset)) segment.p_filesz = segment.p_memsz = to.size;
    segment.p_offset += shift.bytes;
    segment.p_vaddr += shift.address;
    segment.p_paddr += shift.address;
  }
  for (const entry of draft.values)
    if (pointsAtTable(draft, entry.d_tag) && has(entry.d_val)) entry.d_val += shift.address;
  for (const table of draft.tables) {
    if (!isIn(from, table.offset)) continue;
    if (isResized(table.offset)) table.size = to.size;
    table.offset += shift.bytes;
    table.address += shift.address;
  }
  const moved = new Set<number>();
  for (const [index, section] of draft.sectionHeaders.entries()) {
    const {sh_type, sh_flags, sh_addr, sh_offset, sh_size} = section;
    // .tbss has the address of what follows it.
    if (sh_type === SHT.SHT_NOBITS) continue;
    // A section that lost its SHF_ALLOC still describes the bytes that move.
    const hasBytes = sh_size > 0 && isIn(from, sh_offset);
    const isMapped = (sh_flags & SHF.SHF_ALLOC) !== 0 && has(sh_addr) && sh_offset <= from.offset + from.size;
    if (!hasBytes && !isMapped) continue;
    moved.add(index);
    if (hasBytes && isResized(sh_offset)) section.sh_size = to.size;
    section.sh_offset += shift.bytes;
    section.sh_addr += shift.address;
  }
  if (shift.address !== 0n) shiftSymbols(draft, moved, shift.address);
}

function isIn({offset, size}: Range, at: number): boolean {
  return at >= offset && at < offset + size;
}

function pointsAtTable({view}: Draft, tag: bigint): boolean {
  const isOptions = view.header.e_machine === EM.EM_MIPS && tag === machineDT[8].DT_MIPS_OPTIONS;
  return isOptions || isTableTag(view, tag);
}

/** Let the symbols of sections that have moved, all by one distance, follow them. */
function shiftSymbols(draft: Draft, sections: ReadonlySet<number>, distance: bigint): void {
  const {view, sectionHeaders} = draft;
  const size = Sym.size(view.format.elfClass);
  const now = new ElfView(draft.snapshot());
  view.sectionHeaders.forEach((table, index) => {
    const isSymbolTable = table.sh_type === SHT.SHT_SYMTAB || table.sh_type === SHT.SHT_DYNSYM;
    if (!isSymbolTable || table.sh_entsize !== size) return;
    const offset = sectionHeaders[index]?.sh_offset ?? table.sh_offset;
    const range = {offset, count: Math.floor(table.sh_size / size)};
    eachSymbolOf(now, range, sections, (symbol, i) => {
      const section = sectionHeaders[symbol.st_shndx];
      if (section === undefined) return;
      // What the section had, not what it was given: gold counts _end to the first section of the data.
      const {sh_size} = view.sectionHeaders[symbol.st_shndx] ?? section;
      if (!isWithin(symbol, section.sh_addr - distance, sh_size)) return;
      const moved = {...symbol, st_value: symbol.st_value + distance};
      draft.write(offset + i * size, Sym.encode(moved, view.format), 'a symbol of a moved section');
    });
  });
}

/**
 * A symbol with the number of a section that does not contain it is damage, and does not go where that goes. One at its
 * end is as likely to mark the end of the image (_end), which stays.
 */
function isWithin({st_value}: Sym, address: bigint, size: number): boolean {
  return st_value === address || (st_value > address && st_value < address + BigInt(size));
}
