/*
 * When a range of the file moves, update everything that refers to it: segments, sections with their symbols, DT_*
 * entries, and the draft's own list of tables. The caller moves the bytes, since that differs: a new interpreter is
 * written, and the old dynamic section stays for code that knows its address.
 *
 * The rule: anything that begins inside the range moves with it; anything that begins where the range begins also gets
 * its new size.
 */
import {EM, machineDT, PT, SHF, SHT} from '../../elf/constants.js';
import {Sym} from '../../elf/records.js';
import {eachSymbolOf} from '../../elf/symbols.js';
import {isTableSegment} from '../../elf/table-kinds.js';
import {isTableTag} from '../../elf/tables.js';
import {ElfView} from '../../elf/view.js';
import {hasFileBytes} from '../../elf/without-bytes.js';
import type {Range} from '../../source/range-set.js';
import type {Draft} from './draft.js';

/** A range of the file that is mapped. */
export interface MappedRange extends Range {
  readonly address: bigint;
}

/** Make everything that refers to a range refer to another place. */
export function relocate(draft: Draft, from: MappedRange, to: MappedRange): void {
  const move: Move = {
    // A copy: it may be one of the records that change.
    from: {offset: from.offset, size: from.size, address: from.address},
    bytes: to.offset - from.offset,
    distance: to.address - from.address,
    size: to.size === from.size ? undefined : to.size,
  };
  moveSegments(draft, move);
  moveEntries(draft, move);
  moveTables(draft, move);
  const sections = moveSections(draft, move);
  if (move.distance !== 0n) shiftSymbols(draft, sections, move.distance);
}

interface Move {
  readonly from: MappedRange;
  /** How far in the file. */
  readonly bytes: number;
  /** How far in memory. */
  readonly distance: bigint;
  /** The new size of anything that begins where the range begins. */
  readonly size: number | undefined;
}

function moveSegments(draft: Draft, {from, bytes, distance, size}: Move): void {
  for (const segment of draft.programHeaders) {
    const {p_type, p_offset, p_filesz, p_vaddr} = segment;
    const isTable = p_type === PT.PT_DYNAMIC || isTableSegment(p_type, draft.view.header.e_machine);
    if (!isTable || p_filesz === 0 || !isMappedIn(from, p_vaddr)) continue;
    if (size !== undefined && p_offset === from.offset) segment.p_filesz = segment.p_memsz = size;
    segment.p_offset += bytes;
    segment.p_vaddr += distance;
    segment.p_paddr += distance;
  }
}

function moveEntries({view, values}: Draft, {from, distance}: Move): void {
  const isOptions = (tag: bigint) =>
    view.header.e_machine === EM.EM_MIPS && tag === machineDT[8].DT_MIPS_OPTIONS;
  for (const entry of values) {
    const isPointer = isTableTag(view, entry.d_tag) || isOptions(entry.d_tag);
    if (isPointer && isMappedIn(from, entry.d_val)) entry.d_val += distance;
  }
}

function moveTables({tables}: Draft, {from, bytes, distance, size}: Move): void {
  for (const table of tables) {
    if (!isIn(from, table.offset)) continue;
    if (size !== undefined && table.offset === from.offset) table.size = size;
    table.offset += bytes;
    table.address += distance;
  }
}

/** Returns the indices of the sections that moved. */
function moveSections({sectionHeaders}: Draft, {from, bytes, distance, size}: Move): Set<number> {
  const moved = new Set<number>();
  for (const [index, section] of sectionHeaders.entries()) {
    const {sh_flags, sh_addr, sh_offset, sh_size} = section;
    // .tbss shares its address with the section after it.
    if (!hasFileBytes(section)) continue;
    // A section that lost its SHF_ALLOC still describes the bytes that move; one without bytes has only its address.
    const isEmpty = sh_size === 0 && (sh_flags & SHF.SHF_ALLOC) !== 0 && isMappedIn(from, sh_addr);
    if (!isEmpty && (sh_size === 0 || !isIn(from, sh_offset))) continue;
    moved.add(index);
    if (size !== undefined && !isEmpty && sh_offset === from.offset) section.sh_size = size;
    section.sh_offset += bytes;
    section.sh_addr += distance;
  }
  return moved;
}

function isIn({offset, size}: Range, at: number): boolean {
  return at >= offset && at < offset + size;
}

function isMappedIn({address, size}: MappedRange, at: bigint): boolean {
  return at >= address && at < address + BigInt(size);
}

/** Update the symbols of sections that moved. */
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
      // The old size of the section, not the new one: gold assigns _end to the first data section.
      const {sh_size} = view.sectionHeaders[symbol.st_shndx] ?? section;
      if (!isWithin(symbol, section.sh_addr - distance, sh_size)) return;
      const moved = {...symbol, st_value: symbol.st_value + distance};
      draft.write(offset + i * size, Sym.encode(moved, view.format), 'a symbol of a moved section');
    });
  });
}

/**
 * A symbol outside the section that it names is damage and does not move with it. One at the section's end may just as
 * well mark the end of the image (_end), which stays.
 */
function isWithin({st_value}: Sym, address: bigint, size: number): boolean {
  return st_value === address || (st_value > address && st_value < address + BigInt(size));
}
