/*
 * The records of the ELF specification (gABI chapters 4 and 5, and the GNU symbol-version extension), with its names
 * for their fields.
 */
import {type Decoded, defineRecord} from './record.js';

/** Length of e_ident in bytes; Ehdr follows it. */
export const EI_NIDENT = 16;

/** ELF identification, the first bytes of every file; its padding is kept as it is. */
export const Ident = defineRecord('e_ident', {
  EI_MAG0: 'byte',
  EI_MAG1: 'byte',
  EI_MAG2: 'byte',
  EI_MAG3: 'byte',
  EI_CLASS: 'byte',
  EI_DATA: 'byte',
  EI_VERSION: 'byte',
  EI_OSABI: 'byte',
  EI_ABIVERSION: 'byte',
});

/** What follows e_ident in the ELF header. */
export const Ehdr = defineRecord('Ehdr', {
  e_type: 'half',
  e_machine: 'half',
  e_version: 'word',
  e_entry: 'addr',
  e_phoff: 'size',
  e_shoff: 'size',
  e_flags: 'word',
  e_ehsize: 'half',
  e_phentsize: 'half',
  e_phnum: 'half',
  e_shentsize: 'half',
  e_shnum: 'half',
  e_shstrndx: 'half',
});

/** An entry of the program header table. */
export const Phdr = defineRecord(
  'Phdr',
  {
    p_type: 'word',
    p_flags: 'word',
    p_offset: 'size',
    p_vaddr: 'addr',
    p_paddr: 'addr',
    p_filesz: 'size',
    p_memsz: 'size',
    p_align: 'size',
  },
  ['p_type', 'p_offset', 'p_vaddr', 'p_paddr', 'p_filesz', 'p_memsz', 'p_flags', 'p_align'],
);

/** An entry of the section header table. */
export const Shdr = defineRecord('Shdr', {
  sh_name: 'word',
  sh_type: 'word',
  sh_flags: 'size',
  sh_addr: 'addr',
  sh_offset: 'size',
  sh_size: 'size',
  sh_link: 'word',
  sh_info: 'word',
  sh_addralign: 'size',
  sh_entsize: 'size',
});

/** An entry of the dynamic section. */
export const Dyn = defineRecord('Dyn', {d_tag: 'tag', d_val: 'addr'});

export const Sym = defineRecord(
  'Sym',
  {st_name: 'word', st_info: 'byte', st_other: 'byte', st_shndx: 'half', st_value: 'addr', st_size: 'addr'},
  ['st_name', 'st_value', 'st_size', 'st_info', 'st_other', 'st_shndx'],
);

export const Nhdr = defineRecord('Nhdr', {n_namesz: 'word', n_descsz: 'word', n_type: 'word'});

/** One entry of NT_GNU_PROPERTY_TYPE_0; `pr_datasz` bytes follow it. */
export const Property = defineRecord('Property', {pr_type: 'word', pr_datasz: 'word'});
/** The data of a property that is a set of bits. */
export const PropertyBits = defineRecord('PropertyBits', {bits: 'word'});
/** The description of NT_GNU_ABI_TAG. */
export const AbiTag = defineRecord('AbiTag', {os: 'word', major: 'word', minor: 'word', subminor: 'word'});

export const Rel = defineRecord('Rel', {r_offset: 'addr', r_info: 'addr'});
/** One word of DT_RELR. */
export const Relr = defineRecord('Relr', {entry: 'addr'});
export const Rela = defineRecord('Rela', {r_offset: 'addr', r_info: 'addr', r_addend: 'tag'});

export const Verneed = defineRecord('Verneed', {
  vn_version: 'half',
  vn_cnt: 'half',
  vn_file: 'word',
  vn_aux: 'word',
  vn_next: 'word',
});

export const Vernaux = defineRecord('Vernaux', {
  vna_hash: 'word',
  vna_flags: 'half',
  vna_other: 'half',
  vna_name: 'word',
  vna_next: 'word',
});

export const Verdef = defineRecord('Verdef', {
  vd_version: 'half',
  vd_flags: 'half',
  vd_ndx: 'half',
  vd_cnt: 'half',
  vd_hash: 'word',
  vd_aux: 'word',
  vd_next: 'word',
});

export const Verdaux = defineRecord('Verdaux', {vda_name: 'word', vda_next: 'word'});

/** The head of DT_HASH; nbucket and nchain words follow. */
export const HashHeader = defineRecord('Hash', {nbucket: 'word', nchain: 'word'});
/** The same on alpha and s390x, whose 64-bit psABI makes every word of the table 64 bits wide. */
export const WideHashHeader = defineRecord('Hash', {nbucket: 'size', nchain: 'size'});
/** The head of DT_GNU_HASH; the bloom filter, the buckets, and a chain word for each hashed symbol follow. */
export const GnuHashHeader = defineRecord('GnuHash', {
  nbuckets: 'word',
  symoffset: 'word',
  bloom_size: 'word',
  bloom_shift: 'word',
});

export type Ident = ReturnType<typeof Ident.decode>;
export type Ehdr = ReturnType<typeof Ehdr.decode>;
export type Phdr = ReturnType<typeof Phdr.decode>;
export type Shdr = ReturnType<typeof Shdr.decode>;
export type Dyn = ReturnType<typeof Dyn.decode>;
export type HashHeader = ReturnType<typeof HashHeader.decode>;
export type GnuHashHeader = ReturnType<typeof GnuHashHeader.decode>;
export type Sym = ReturnType<typeof Sym.decode>;
export type Rel = ReturnType<typeof Rel.decode>;
export type Rela = ReturnType<typeof Rela.decode>;
export type Verneed = ReturnType<typeof Verneed.decode>;
export type Vernaux = ReturnType<typeof Vernaux.decode>;
export type Verdef = ReturnType<typeof Verdef.decode>;
export type Verdaux = ReturnType<typeof Verdaux.decode>;
export type {Decoded};

/** A section header that describes nothing: the first one of a table, and one that is no longer used (SHT_NULL). */
export const nullSection: Shdr = {
  sh_name: 0,
  sh_type: 0,
  sh_flags: 0,
  sh_addr: 0n,
  sh_offset: 0,
  sh_size: 0,
  sh_link: 0,
  sh_info: 0,
  sh_addralign: 0,
  sh_entsize: 0,
};
