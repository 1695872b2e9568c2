/*
 * Segments, sections and dynamic entries as lists for people: names for numbers, values in words.
 */
import {hex} from '../errors.js';
import {DF, DF_1, DT, dynamicTagName, nameOf, PF, SHF, SHT, segmentTypeName} from './constants.js';
import {stringTags} from './dynamic.js';
import type {ElfView} from './view.js';

/** A program header, in words. */
export interface SegmentLine {
  readonly index: number;
  /** As in "PT_LOAD". */
  readonly type: string;
  /** As in "r-x". */
  readonly flags: string;
  readonly offset: number;
  /** Bytes of the file. */
  readonly size: number;
  readonly address: bigint;
  /** Bytes of memory. */
  readonly memorySize: number;
  readonly align: number;
}

/** A section header, in words. */
export interface SectionLine {
  readonly index: number;
  readonly name: string;
  /** As in "SHT_PROGBITS". */
  readonly type: string;
  /** As in "WAX". */
  readonly flags: string;
  readonly offset: number;
  readonly size: number;
  readonly address: bigint;
}

/** An entry of the dynamic section, in words. */
export interface DynamicLine {
  /** As in "DT_NEEDED". */
  readonly tag: string;
  readonly value: bigint;
  /** The value in words: a string, flags, a length. */
  readonly text: string;
}

/** @throws ElfError when the program header table cannot be read */
export function listSegments({programHeaders, header}: ElfView): SegmentLine[] {
  return programHeaders.map((phdr, index) => ({
    index,
    type: segmentTypeName(phdr.p_type, header.e_machine),
    flags: permissions(phdr.p_flags),
    offset: phdr.p_offset,
    size: phdr.p_filesz,
    address: phdr.p_vaddr,
    memorySize: phdr.p_memsz,
    align: phdr.p_align,
  }));
}

/** p_flags as in "r-x". */
export function permissions(p_flags: number): string {
  const letters = [
    [PF.PF_R, 'r'],
    [PF.PF_W, 'w'],
    [PF.PF_X, 'x'],
  ] as const;
  return letters.map(([bit, letter]) => ((p_flags & bit) === 0 ? '-' : letter)).join('');
}

/** @throws ElfError when the section header table, or a name, cannot be read */
export function listSections(view: ElfView): SectionLine[] {
  return view.sectionHeaders.map((section, index) => ({
    index,
    name: view.sectionName(section),
    type: nameOf(SHT, section.sh_type),
    flags: sectionFlags.map(([bit, letter]) => ((section.sh_flags & bit) === 0 ? '' : letter)).join(''),
    offset: section.sh_offset,
    size: section.sh_size,
    address: section.sh_addr,
  }));
}

const sectionFlags = [
  [SHF.SHF_WRITE, 'W'],
  [SHF.SHF_ALLOC, 'A'],
  [SHF.SHF_EXECINSTR, 'X'],
  [SHF.SHF_TLS, 'T'],
  [SHF.SHF_COMPRESSED, 'C'],
] as const;

/** @throws ElfError when the dynamic section cannot be read */
export function listDynamic(view: ElfView): DynamicLine[] {
  return (view.dynamic?.entries ?? []).map(({d_tag, d_val}) => ({
    tag: dynamicTagName(d_tag, view.header.e_machine),
    value: d_val,
    text: valueInWords(view, d_tag, d_val),
  }));
}

function valueInWords(view: ElfView, tag: bigint, value: bigint): string {
  const name = dynamicTagName(tag, view.header.e_machine);
  if (stringTags.has(tag)) return view.dynamic?.stringAt(value) ?? '';
  if (tag === DT.DT_FLAGS) return flagsInWords(DF, 'DF_', value);
  if (tag === DT.DT_FLAGS_1) return flagsInWords(DF_1, 'DF_1_', value);
  if (tag === DT.DT_PLTREL) return dynamicTagName(value, 0).replace('DT_', '');
  if (/(SZ|ENT)$/.test(name)) return `${value} bytes`;
  return /(NUM|COUNT|NO)$/.test(name) ? `${value}` : hex(value);
}

function flagsInWords(names: Readonly<Record<string, bigint>>, prefix: string, value: bigint): string {
  const known = Object.entries(names).filter(([, bit]) => (value & bit) !== 0n);
  const rest = known.reduce((left, [, bit]) => left & ~bit, value);
  const words = known.map(([name]) => name.slice(prefix.length));
  return [...words, ...(rest === 0n && words.length > 0 ? [] : [hex(rest)])].join(' ');
}
