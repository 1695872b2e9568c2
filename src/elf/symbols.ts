/*
 * How many dynamic symbols are there? ld.so never needs to know, so nothing says it outright. DT_HASH and
 * DT_MIPS_SYMTABNO give the number; a section header gives it too; DT_GNU_HASH gives it only where symbols are
 * exported. Failing all of these the table is taken to reach to the next thing that has an address, which is
 * never too few.
 */
import {DT, EM, machineDT, PT, SHT} from './constants.js';
import {HashHeader, Sym, WideHashHeader} from './records.js';
import type {ElfView} from './view.js';

/** The dynamic symbol table. */
export interface SymbolTable {
  readonly address: bigint;
  readonly offset: number;
  readonly count: number;
  /** False where `count` is only known not to be too small. */
  readonly exact: boolean;
}

/** Find DT_SYMTAB and its length; undefined when there is none, or none in the file. */
export function dynamicSymbolTable(view: ElfView): SymbolTable | undefined {
  const address = view.dynamic?.value(DT.DT_SYMTAB);
  const offset = address === undefined ? undefined : view.offsetOfAddress(address);
  if (address === undefined || offset === undefined) return undefined;
  const exact = countFromSection(view, address) ?? countFromHash(view) ?? countFromMips(view);
  const most = Math.floor((endOfMapping(view, address) - offset) / Sym.size(view.format.elfClass));
  if (exact !== undefined && exact <= most) return {address, offset, count: exact, exact: true};
  return {address, offset, count: Math.min(most, countToNextAddress(view, address)), exact: false};
}

/** Visit symbols of a table that lies at a file offset, in order, with bounded memory. */
export function eachSymbol(
  view: ElfView,
  offset: number,
  count: number,
  visit: (symbol: Sym, index: number) => void,
): void {
  const size = Sym.size(view.format.elfClass);
  const perPiece = 4096;
  for (let first = 0; first < count; first += perPiece) {
    const length = Math.min(perPiece, count - first);
    const bytes = view.source.read(offset + first * size, length * size);
    for (let i = 0; i < length; i++) visit(Sym.decode(bytes, view.format, i * size), first + i);
  }
}

function countFromSection(view: ElfView, address: bigint): number | undefined {
  const section = view.sectionHeaders.find((s) => s.sh_type === SHT.SHT_DYNSYM && s.sh_addr === address);
  return section && Math.floor(section.sh_size / Sym.size(view.format.elfClass));
}

function countFromHash(view: ElfView): number | undefined {
  const address = view.dynamic?.value(DT.DT_HASH);
  const offset = address === undefined ? undefined : view.offsetOfAddress(address);
  return offset === undefined ? undefined : readHashHeader(view, offset).nchain;
}

/** Read the head of DT_HASH. Its `nchain` is the number of symbols (gABI, "Hash Table"). */
export function readHashHeader(view: ElfView, offset: number): HashHeader {
  const type = hashWordSize(view) === 8 ? WideHashHeader : HashHeader;
  return type.decode(view.source.read(offset, type.size(view.format.elfClass)), view.format);
}

/** Width of a DT_HASH word in bytes: 8 on 64-bit alpha and s390x, else 4. */
export function hashWordSize({header, format}: ElfView): 4 | 8 {
  return format.elfClass === 64 && (header.e_machine === EM.EM_ALPHA || header.e_machine === EM.EM_S390)
    ? 8
    : 4;
}

function countFromMips(view: ElfView): number | undefined {
  if (view.header.e_machine !== EM.EM_MIPS) return undefined;
  const value = view.dynamic?.value(machineDT[8].DT_MIPS_SYMTABNO);
  return value === undefined ? undefined : Number(value);
}

function endOfMapping(view: ElfView, address: bigint): number {
  const load = view.programHeaders.find(
    (p) => p.p_type === PT.PT_LOAD && address >= p.p_vaddr && address < p.p_vaddr + BigInt(p.p_filesz),
  );
  return load === undefined ? 0 : Math.min(view.source.size, load.p_offset + load.p_filesz);
}

const addressTags = [
  DT.DT_STRTAB,
  DT.DT_HASH,
  DT.DT_GNU_HASH,
  DT.DT_VERSYM,
  DT.DT_VERNEED,
  DT.DT_VERDEF,
  DT.DT_RELA,
  DT.DT_REL,
  DT.DT_RELR,
  DT.DT_JMPREL,
  DT.DT_INIT,
];

function countToNextAddress(view: ElfView, address: bigint): number {
  const next = addressTags
    .map((tag) => view.dynamic?.value(tag))
    .filter((value) => value !== undefined && value > address)
    .reduce<bigint | undefined>((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a), undefined);
  if (next === undefined) return Number.POSITIVE_INFINITY;
  return Math.floor(Number(next - address) / Sym.size(view.format.elfClass));
}
