/*
 * ELF files that no linker makes, put together from records: a header with chosen fields, and tables where the test
 * wants them.
 */
import {ET, PF, PN_XNUM, PT} from '../../src/elf/constants.js';
import type {Format} from '../../src/elf/record.js';
import {Ehdr, Ident, nullSection, Phdr, Shdr} from '../../src/elf/records.js';

const identPadding = 7;

/** The bytes of an ELF header whose fields are zero or usual except the given ones. */
export function elfHeader(format: Format, fields: Partial<Ehdr> = {}): Uint8Array {
  const {elfClass, littleEndian} = format;
  const ident = Ident.encode(
    {
      EI_MAG0: 0x7f,
      EI_MAG1: 0x45,
      EI_MAG2: 0x4c,
      EI_MAG3: 0x46,
      EI_CLASS: elfClass === 32 ? 1 : 2,
      EI_DATA: littleEndian ? 1 : 2,
      EI_VERSION: 1,
      EI_OSABI: 0,
      EI_ABIVERSION: 0,
    },
    format,
  );
  const rest = Ehdr.encode(
    {
      e_type: 3,
      e_machine: elfClass === 32 ? 3 : 62,
      e_version: 1,
      e_entry: 0n,
      e_phoff: 0,
      e_shoff: 0,
      e_flags: 0,
      e_ehsize: headerSize(format),
      e_phentsize: Phdr.size(elfClass),
      e_phnum: 0,
      e_shentsize: Shdr.size(elfClass),
      e_shnum: 0,
      e_shstrndx: 0,
      ...fields,
    },
    format,
  );
  return Buffer.concat([ident, Buffer.alloc(identPadding), rest]);
}

/** Length of the ELF header, e_ident included. */
export function headerSize({elfClass}: Format): number {
  return 16 + Ehdr.size(elfClass);
}

export function programHeader(format: Format, fields: Partial<Phdr>): Uint8Array {
  return Phdr.encode({...emptyPhdr, ...fields}, format);
}

export function sectionHeader(format: Format, fields: Partial<Shdr>): Uint8Array {
  return Shdr.encode({...nullSection, ...fields}, format);
}

/** A file of one PT_INTERP: header, program header, then the given bytes. */
export function fileWithInterpreter(
  format: Format,
  bytes: Uint8Array,
  fields: Partial<Phdr> = {},
): Uint8Array {
  const p_offset = headerSize(format) + Phdr.size(format.elfClass);
  return Buffer.concat([
    elfHeader(format, {e_phoff: headerSize(format), e_phnum: 1}),
    programHeader(format, {p_type: PT.PT_INTERP, p_offset, p_filesz: bytes.length, ...fields}),
    bytes,
  ]);
}

/**
 * A core file as Linux writes it, with the given numbers of mappings and notes: the notes are not mapped, and section
 * header 0 has the number of program headers if e_phnum cannot.
 */
export function coreFile(mappings: number, notes = 1): Uint8Array {
  const format: Format = {elfClass: 64, littleEndian: true};
  const count = notes + mappings;
  const note = Buffer.from([4, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0x47, 0x4e, 0x55, 0]);
  const start = headerSize(format) + count * Phdr.size(64);
  const end = start + note.length * count;
  const place = (i: number) => ({p_offset: start + note.length * i, p_filesz: note.length});
  const headers = Array.from({length: count}, (_, i) =>
    programHeader(
      format,
      i < notes
        ? {p_type: PT.PT_NOTE, p_align: 4, ...place(i)}
        : {
            p_type: PT.PT_LOAD,
            p_flags: PF.PF_R,
            p_vaddr: 0x400000n + BigInt(0x2000 * i),
            p_memsz: 0x1000,
            p_align: 1,
            ...place(i),
          },
    ),
  );
  const isExtended = count >= PN_XNUM;
  return Buffer.concat([
    elfHeader(format, {
      e_type: ET.ET_CORE,
      e_phoff: headerSize(format),
      e_phnum: isExtended ? PN_XNUM : count,
      ...(isExtended && {e_shoff: end, e_shnum: 1}),
    }),
    ...headers,
    ...headers.slice(0, notes).map(() => note),
    Buffer.alloc(note.length * mappings, 1),
    ...(isExtended ? [sectionHeader(format, {sh_info: count})] : []),
  ]);
}

const emptyPhdr: Phdr = {
  p_type: 0,
  p_flags: 0,
  p_offset: 0,
  p_vaddr: 0n,
  p_paddr: 0n,
  p_filesz: 0,
  p_memsz: 0,
  p_align: 0,
};
