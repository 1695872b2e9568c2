/*
 * Extended numbering (gABI, "ELF Header" and "Sections"): counts that do not fit their 16 bits are in section header 0.
 * No linker makes such a file quickly, so it is assembled here, and readelf has to agree.
 */
import test from 'ava';
import {PN_XNUM, PT, SHN, SHT} from '../../src/elf/constants.js';
import type {Format} from '../../src/elf/record.js';
import {Phdr, type Shdr} from '../../src/elf/records.js';
import {describeFormat, formats} from '../helpers/format.js';
import {readelfHeader, readelfSections} from '../helpers/readelf.js';
import {elfHeader, headerSize, programHeader, sectionHeader} from '../helpers/synthetic.js';
import {tempFile} from '../helpers/temp.js';
import {withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';

const phnum = 65_540;
const shnum = 65_300;
const names = Buffer.from('\0.names\0.last\0');

/** 65,540 program headers and 65,300 section headers; the section names are the last section but one. */
function numerous(format: Format): Uint8Array {
  const e_phoff = headerSize(format);
  const e_shoff = e_phoff + phnum * Phdr.size(format.elfClass) + names.length;
  const filler = programHeader(format, {p_type: PT.PT_NULL});
  const section0 = sectionHeader(format, {sh_size: shnum, sh_link: shnum - 2, sh_info: phnum});
  const emptySection = sectionHeader(format, {sh_name: 0, sh_type: SHT.SHT_NOBITS});
  const nameSection = sectionHeader(format, {
    sh_name: 1,
    sh_type: SHT.SHT_STRTAB,
    sh_offset: e_shoff - names.length,
    sh_size: names.length,
    sh_addralign: 1,
  });
  return Buffer.concat([
    elfHeader(format, {e_phoff, e_phnum: PN_XNUM, e_shoff, e_shnum: 0, e_shstrndx: SHN.SHN_XINDEX}),
    ...Array.from({length: phnum - 1}, () => filler),
    programHeader(format, {p_type: PT.PT_GNU_STACK, p_flags: 6, p_align: 16}),
    names,
    section0,
    ...Array.from({length: shnum - 3}, () => emptySection),
    nameSection,
    sectionHeader(format, {sh_name: 8, sh_type: SHT.SHT_NOBITS, sh_size: 7, sh_addralign: 1}),
  ]);
}

for (const format of formats) {
  test(
    `${describeFormat(format)}: counts in section header 0 are those that readelf finds`,
    withTools((t) => {
      const bytes = numerous(format);
      const file = tempFile(t, bytes);
      const view = viewBuffer(bytes);
      const theirs = readelfHeader(file);
      t.is(view.programHeaders.length, phnum);
      t.is(theirs.phnum, phnum);
      t.is(view.sectionHeaders.length, shnum);
      t.is(theirs.shnum, shnum);
      t.is(view.e_shstrndx, shnum - 2);
      t.is(theirs.shstrndx, shnum - 2);
      t.is(view.programHeaders.at(-1)?.p_type, PT.PT_GNU_STACK);
      const last = view.sectionHeaders.at(-1);
      t.is(last && view.sectionName(last), '.last');
      t.is(readelfSections(file).at(-1)?.name, '.last');
    }),
  );

  test(`${describeFormat(format)}: absurd counts in section header 0 are refused before anything is read`, (t) => {
    const file = (fields: Partial<Shdr>) => {
      const header = {e_phoff: 64, e_phnum: PN_XNUM, e_shoff: headerSize(format), e_shnum: 0};
      return viewBuffer(Buffer.concat([elfHeader(format, header), sectionHeader(format, fields)]), 'f');
    };
    t.throws(() => file({sh_info: 0xffff_ffff}).programHeaders, {
      code: 'BAD_ELF',
      message: 'f: too many program headers (expected at most 262144, got 4294967295)',
    });
    t.throws(() => file({sh_size: 0xffff_fff0}).sectionHeaders, {
      code: 'BAD_ELF',
      message: 'f: too many section headers (expected at most 262144, got 4294967280)',
    });
  });

  test(`${describeFormat(format)}: without section headers 0xffff is the number of program headers itself`, (t) => {
    const table = Buffer.alloc(PN_XNUM * Phdr.size(format.elfClass));
    const header = elfHeader(format, {e_phoff: headerSize(format), e_phnum: PN_XNUM});
    t.is(viewBuffer(Buffer.concat([header, table])).programHeaders.length, PN_XNUM);
  });
}
