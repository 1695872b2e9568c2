/*
 * What GNU readelf, eu-readelf and eu-elflint report about a file, as values. These are the independent readers that
 * the view and every edit are compared with.
 */
import {output, run} from './tools.js';

export interface ReadelfHeader {
  readonly elfClass: 32 | 64;
  readonly littleEndian: boolean;
  /** As in `DYN`. */
  readonly type: string;
  /** readelf's words. */
  readonly machine: string;
  readonly e_entry: bigint;
  readonly e_phoff: number;
  readonly e_shoff: number;
  readonly e_flags: number;
  readonly e_phentsize: number;
  readonly e_shentsize: number;
  /** The three counts with extended numbering applied. */
  readonly phnum: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

export interface ReadelfSegment {
  /** Without `PT_`; readelf leaves letters out of some. */
  readonly type: string;
  readonly p_offset: number;
  readonly p_vaddr: bigint;
  readonly p_paddr: bigint;
  readonly p_filesz: number;
  readonly p_memsz: number;
  readonly p_flags: number;
  readonly p_align: number;
}

export interface ReadelfSection {
  readonly name: string;
  readonly type: string;
  readonly sh_addr: bigint;
  readonly sh_offset: number;
  readonly sh_size: number;
  readonly sh_entsize: number;
  /** The letters of sh_flags. */
  readonly flags: string;
  readonly sh_link: number;
  readonly sh_info: number;
  readonly sh_addralign: number;
}

export interface ReadelfDynamicEntry {
  readonly d_tag: bigint;
  /** Without `DT_`. */
  readonly type: string;
  /** The string that the entry refers to, where readelf shows one. */
  readonly string: string | undefined;
  /** Its value, where readelf shows a plain number. */
  readonly d_val: bigint | undefined;
}

export interface ReadelfNote {
  readonly owner: string;
  readonly size: number;
}

export function readelfHeader(file: string): ReadelfHeader {
  const text = output('readelf', ['-hW', file]);
  const field = (name: string) => new RegExp(`^  ${name}: +(.*)$`, 'm').exec(text)?.[1] ?? '';
  const number = (name: string) => Number.parseInt(field(name), field(name).startsWith('0x') ? 16 : 10);
  const count = (name: string) => Number(/\((\d+)\)/.exec(field(name))?.[1] ?? number(name));
  return {
    elfClass: field('Class') === 'ELF32' ? 32 : 64,
    littleEndian: field('Data').includes('little'),
    type: field('Type').split(' ')[0] ?? '',
    machine: field('Machine'),
    e_entry: BigInt(field('Entry point address')),
    e_phoff: number('Start of program headers'),
    e_shoff: number('Start of section headers'),
    e_flags: number('Flags'),
    e_phentsize: number('Size of program headers'),
    e_shentsize: number('Size of section headers'),
    phnum: count('Number of program headers'),
    shnum: count('Number of section headers'),
    shstrndx: count('Section header string table index'),
  };
}

const segmentLine =
  /^ {2}(\S+) +0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) ([R ][W ][E ]) 0x([0-9a-f]+|)$/gm;

export function readelfSegments(file: string): ReadelfSegment[] {
  const text = output('readelf', ['-lW', file]).replaceAll(/ 0$/gm, ' 0x0');
  return [...text.matchAll(segmentLine)].map(
    ([, type, offset, vaddr, paddr, filesz, memsz, flags, align]) => ({
      type: type ?? '',
      p_offset: hexNumber(offset),
      p_vaddr: BigInt(`0x${vaddr}`),
      p_paddr: BigInt(`0x${paddr}`),
      p_filesz: hexNumber(filesz),
      p_memsz: hexNumber(memsz),
      p_flags: (flags?.[0] === 'R' ? 4 : 0) + (flags?.[1] === 'W' ? 2 : 0) + (flags?.[2] === 'E' ? 1 : 0),
      p_align: hexNumber(align),
    }),
  );
}

/** The path that PT_INTERP holds. Newer versions of GNU readelf print only 255 bytes of it; elfutils' prints all. */
export function readelfInterpreter(file: string): string | undefined {
  const read = (tool: string) =>
    /Requesting program interpreter: (.*)\]$/m.exec(output(tool, ['-lW', file]))?.[1];
  const found = read('readelf');
  return found !== undefined && found.length >= 255 ? read('eu-readelf') : found;
}

const sectionLine =
  /^ {2}\[ *\d+\] (.*?) +(\S+) +([0-9a-f]{8,16}) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) +([A-Za-z]*) +(\d+) +(\d+) +(\d+)$/gm;

export function readelfSections(file: string): ReadelfSection[] {
  const text = output('readelf', ['-SW', file]);
  return [...text.matchAll(sectionLine)].map(
    ([, name, type, addr, offset, size, entsize, flags, link, info, align]) => ({
      name: name?.trim() ?? '',
      type: type ?? '',
      sh_addr: BigInt(`0x${addr}`),
      sh_offset: hexNumber(offset),
      sh_size: hexNumber(size),
      sh_entsize: hexNumber(entsize),
      flags: flags ?? '',
      sh_link: Number(link),
      sh_info: Number(info),
      sh_addralign: Number(align),
    }),
  );
}

/** The entries up to and including the first DT_NULL. */
export function readelfDynamic(file: string): ReadelfDynamicEntry[] {
  const text = output('readelf', ['-dW', file]);
  return [...text.matchAll(/^ 0x([0-9a-f]+) \((.*?)\) +(.*)$/gm)].map(([, tag, type, value = '']) => ({
    d_tag: BigInt(`0x${tag}`),
    type: type ?? '',
    string: /\[(.*)\]$/.exec(value)?.[1],
    d_val: /^(0x[0-9a-f]+|\d+)( \(bytes\))?$/.test(value) ? BigInt(value.split(' ')[0] ?? '') : undefined,
  }));
}

export function readelfNotes(file: string): ReadelfNote[] {
  const text = output('readelf', ['-nW', file]);
  return [...text.matchAll(/^ {2}(\S+) +0x([0-9a-f]{8})\t/gm)].map(([, owner, size]) => ({
    owner: owner ?? '',
    size: hexNumber(size),
  }));
}

/** DT_NEEDED, DT_RPATH, DT_RUNPATH or DT_SONAME as eu-readelf reads them. */
export function euReadelfStrings(
  file: string,
  type: 'NEEDED' | 'RPATH' | 'RUNPATH' | 'SONAME' | 'LIBRARY',
): string[] {
  const text = output('eu-readelf', ['-d', file]);
  return [...text.matchAll(new RegExp(`^ +${type} +.*\\[(.*)\\]$`, 'gm'))].map(([, value]) => value ?? '');
}

/** eu-elflint's complaints, one per element; empty for "No errors". */
export function elflint(file: string): string[] {
  const {stdout, stderr} = run('eu-elflint', ['--gnu-ld', file]);
  return `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && line !== 'No errors');
}

/** Complaints about `after` that eu-elflint does not have about `before`. */
export function newComplaints(before: string, after: string): string[] {
  return freshComplaints(elflint(before), elflint(after));
}

export function freshComplaints(before: readonly string[], after: readonly string[]): string[] {
  const known = new Set(before.map(withoutIndex));
  return after.filter((complaint) => !known.has(withoutIndex(complaint)));
}

/**
 * An added segment or dynamic entry shifts the numbers of those after it, and a symbol located before a section that is
 * not its own, as mold makes them, may be after that section in the edited file.
 */
function withoutIndex(complaint: string): string {
  return complaint
    .replace(/program header entry \d+|phdr\[\d+\]|entry \d+/g, 'entry')
    .replace(/st_value (short of|out of bounds of) referenced/, 'st_value outside of referenced');
}

function hexNumber(digits: string | undefined): number {
  return Number.parseInt(digits || '0', 16);
}
