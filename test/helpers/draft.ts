/*
 * Drafts of small files, for testing the parts of an edit one by one. A file is sketched by its records; what is not
 * sketched is zero. The usual one:
 *
 *     0x000 ELF header, 0x040 program headers, 0x200 .interp, 0x240 .dynstr, 0x260 .hash, 0x280 .dynsym,
 *     0x300 end of the read-only LOAD, 0x800 .dynamic in a writable LOAD, 0x900 section headers
 */

import {Draft, type Layout} from '../../src/edit/layout/draft.js';
import {DT, PF, PT, SHF, SHT} from '../../src/elf/constants.js';
import type {Format} from '../../src/elf/record.js';
import {Dyn, Phdr, Shdr} from '../../src/elf/records.js';
import {openElfBuffer} from '../../src/index.js';
import {elfHeader, headerSize, programHeader, sectionHeader} from './synthetic.js';

const format: Format = {elfClass: 64, littleEndian: true};

/** What a file has besides its ELF header. */
export interface Sketch {
  readonly segments: readonly Partial<Phdr>[];
  /** At the end of the file; none for a file without section headers. */
  readonly sections: readonly Partial<Shdr>[];
  /** In the PT_DYNAMIC. */
  readonly entries: readonly Dyn[];
  /** Bytes and their offsets; later ones override earlier ones. */
  readonly content: readonly (readonly [offset: number, bytes: Uint8Array | string])[];
  /** Length of the file without its section headers. */
  readonly size: number;
}

/** Where the usual file is mapped; its writable part is one page further on. */
export const base = 0x10000n;

function addressOf(offset: number): bigint {
  return base + BigInt(offset < 0x800 ? offset : offset + 0x1000);
}

const r = PF.PF_R;
const rw = PF.PF_R | PF.PF_W;

/** A segment mapped at the addresses of the usual file. */
export function segment(p_type: number, p_offset: number, p_filesz: number, more: Partial<Phdr> = {}) {
  const address = addressOf(p_offset);
  return {
    p_type,
    p_flags: r,
    p_offset,
    p_vaddr: address,
    p_paddr: address,
    p_filesz,
    p_memsz: p_filesz,
    p_align: p_type === PT.PT_LOAD ? 0x1000 : 1,
    ...more,
  };
}

/** A section of loaded bytes. */
export function section(sh_type: number, sh_offset: number, sh_size: number, more: Partial<Shdr> = {}) {
  const sh_addr = addressOf(sh_offset);
  return {sh_type, sh_flags: SHF.SHF_ALLOC, sh_addr, sh_offset, sh_size, sh_addralign: 1, ...more};
}

export const usual: Sketch = {
  segments: [
    segment(PT.PT_INTERP, 0x200, 0x10),
    segment(PT.PT_LOAD, 0, 0x300),
    segment(PT.PT_LOAD, 0x800, 0x100, {p_flags: rw}),
    segment(PT.PT_DYNAMIC, 0x800, 0x80, {p_flags: rw}),
  ],
  sections: [
    {},
    section(SHT.SHT_PROGBITS, 0x200, 0x10),
    section(SHT.SHT_STRTAB, 0x240, 0x20),
    section(SHT.SHT_HASH, 0x260, 0x10),
    section(SHT.SHT_DYNSYM, 0x280, 24, {sh_entsize: 24, sh_addralign: 8}),
    section(SHT.SHT_PROGBITS, 0x2a0, 0x60),
    section(SHT.SHT_DYNAMIC, 0x800, 0x80),
  ],
  entries: [
    {d_tag: DT.DT_NEEDED, d_val: 1n},
    {d_tag: DT.DT_STRTAB, d_val: base + 0x240n},
    {d_tag: DT.DT_STRSZ, d_val: 0x20n},
    {d_tag: DT.DT_HASH, d_val: base + 0x260n},
    {d_tag: DT.DT_SYMTAB, d_val: base + 0x280n},
  ],
  content: [
    [0x200, '/lib/ld.so'],
    [0x241, 'liba.so'],
    // .hash: one bucket, one symbol
    [0x260, Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0)],
    // Code and data, so that not all is zero.
    [0x2a0, new Uint8Array(0x60).fill(0x90)],
    [0x880, new Uint8Array(0x80).fill(7)],
  ],
  size: 0x900,
};

/** A draft of a file that differs from the usual one in some parts. */
export function sketch(parts: Partial<Sketch> = {}, layout: Layout = {}): Draft {
  return new Draft(openElfBuffer(sketchBytes(parts)).view, layout);
}

export function sketchBytes(parts: Partial<Sketch> = {}): Uint8Array {
  const {segments, sections, entries, content, size} = {...usual, ...parts};
  const bytes = new Uint8Array(size + sections.length * Shdr.size(64));
  const put = (offset: number, part: Uint8Array | string) =>
    bytes.set(typeof part === 'string' ? new TextEncoder().encode(part) : part, offset);
  put(
    0,
    elfHeader(format, {
      e_phoff: headerSize(format),
      e_phnum: segments.length,
      e_shoff: sections.length > 0 ? size : 0,
      e_shnum: sections.length,
    }),
  );
  segments.forEach((fields, i) => {
    put(headerSize(format) + i * Phdr.size(64), programHeader(format, fields));
  });
  sections.forEach((fields, i) => {
    put(size + i * Shdr.size(64), sectionHeader(format, fields));
  });
  const dynamic = segments.find(({p_type}) => p_type === PT.PT_DYNAMIC)?.p_offset ?? 0;
  entries.forEach((entry, i) => {
    if (dynamic > 0) put(dynamic + i * Dyn.size(64), Dyn.encode(entry, format));
  });
  for (const [offset, part] of content) put(offset, part);
  return bytes;
}
