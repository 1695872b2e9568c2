/*
 * The names of the specification's numbers: gABI, the GNU extensions, psABI supplements. A value that is not
 * listed is not an error; it prints as itself (see `nameOf`) and survives an edit.
 */
import {hex} from '../errors.js';

export const ET = {ET_NONE: 0, ET_REL: 1, ET_EXEC: 2, ET_DYN: 3, ET_CORE: 4} as const;

/** The machines that need special rules; machine.ts knows many more. */
export const EM = {
  EM_386: 3,
  EM_MIPS: 8,
  EM_PPC: 20,
  EM_PPC64: 21,
  EM_S390: 22,
  EM_ARM: 40,
  EM_X86_64: 62,
  EM_AARCH64: 183,
  EM_RISCV: 243,
  EM_ALPHA: 0x9026,
} as const;

export const PT = {
  PT_NULL: 0,
  PT_LOAD: 1,
  PT_DYNAMIC: 2,
  PT_INTERP: 3,
  PT_NOTE: 4,
  PT_SHLIB: 5,
  PT_PHDR: 6,
  PT_TLS: 7,
  PT_GNU_EH_FRAME: 0x6474e550,
  PT_GNU_STACK: 0x6474e551,
  PT_GNU_RELRO: 0x6474e552,
  PT_GNU_PROPERTY: 0x6474e553,
  PT_GNU_SFRAME: 0x6474e554,
} as const;

/** Names that one machine gives to the processor-specific range of p_type. */
export const machinePT = {
  8: {
    PT_MIPS_REGINFO: 0x70000000,
    PT_MIPS_RTPROC: 0x70000001,
    PT_MIPS_OPTIONS: 0x70000002,
    PT_MIPS_ABIFLAGS: 0x70000003,
  },
  40: {PT_ARM_ARCHEXT: 0x70000000, PT_ARM_EXIDX: 0x70000001},
  183: {PT_AARCH64_ARCHEXT: 0x70000000, PT_AARCH64_UNWIND: 0x70000001, PT_AARCH64_MEMTAG_MTE: 0x70000002},
  243: {PT_RISCV_ATTRIBUTES: 0x70000003},
} as const satisfies Readonly<Record<number, Readonly<Record<string, number>>>>;

export const PF = {PF_X: 1, PF_W: 2, PF_R: 4} as const;

export const PN_XNUM = 0xffff;
export const SHN = {
  SHN_UNDEF: 0,
  SHN_LORESERVE: 0xff00,
  SHN_ABS: 0xfff1,
  SHN_COMMON: 0xfff2,
  SHN_XINDEX: 0xffff,
} as const;

export const SHT = {
  SHT_NULL: 0,
  SHT_PROGBITS: 1,
  SHT_SYMTAB: 2,
  SHT_STRTAB: 3,
  SHT_RELA: 4,
  SHT_HASH: 5,
  SHT_DYNAMIC: 6,
  SHT_NOTE: 7,
  SHT_NOBITS: 8,
  SHT_REL: 9,
  SHT_SHLIB: 10,
  SHT_DYNSYM: 11,
  SHT_INIT_ARRAY: 14,
  SHT_FINI_ARRAY: 15,
  SHT_PREINIT_ARRAY: 16,
  SHT_GROUP: 17,
  SHT_SYMTAB_SHNDX: 18,
  SHT_RELR: 19,
  SHT_GNU_ATTRIBUTES: 0x6ffffff5,
  SHT_GNU_HASH: 0x6ffffff6,
  SHT_GNU_LIBLIST: 0x6ffffff7,
  SHT_GNU_VERDEF: 0x6ffffffd,
  SHT_GNU_VERNEED: 0x6ffffffe,
  SHT_GNU_VERSYM: 0x6fffffff,
} as const;

export const SHF = {
  SHF_WRITE: 1,
  SHF_ALLOC: 2,
  SHF_EXECINSTR: 4,
  SHF_TLS: 0x400,
  SHF_COMPRESSED: 0x800,
} as const;

export const STT = {STT_SECTION: 3, STT_TLS: 6} as const;
export const STB = {STB_LOCAL: 0, STB_GLOBAL: 1, STB_WEAK: 2} as const;

export const DT = {
  DT_NULL: 0n,
  DT_NEEDED: 1n,
  DT_PLTRELSZ: 2n,
  DT_PLTGOT: 3n,
  DT_HASH: 4n,
  DT_STRTAB: 5n,
  DT_SYMTAB: 6n,
  DT_RELA: 7n,
  DT_RELASZ: 8n,
  DT_RELAENT: 9n,
  DT_STRSZ: 10n,
  DT_SYMENT: 11n,
  DT_INIT: 12n,
  DT_FINI: 13n,
  DT_SONAME: 14n,
  DT_RPATH: 15n,
  DT_SYMBOLIC: 16n,
  DT_REL: 17n,
  DT_RELSZ: 18n,
  DT_RELENT: 19n,
  DT_PLTREL: 20n,
  DT_DEBUG: 21n,
  DT_TEXTREL: 22n,
  DT_JMPREL: 23n,
  DT_BIND_NOW: 24n,
  DT_INIT_ARRAY: 25n,
  DT_FINI_ARRAY: 26n,
  DT_INIT_ARRAYSZ: 27n,
  DT_FINI_ARRAYSZ: 28n,
  DT_RUNPATH: 29n,
  DT_FLAGS: 30n,
  DT_PREINIT_ARRAY: 32n,
  DT_PREINIT_ARRAYSZ: 33n,
  DT_SYMTAB_SHNDX: 34n,
  DT_RELRSZ: 35n,
  DT_RELR: 36n,
  DT_RELRENT: 37n,
  DT_GNU_PRELINKED: 0x6ffffdf5n,
  DT_GNU_CONFLICTSZ: 0x6ffffdf6n,
  DT_GNU_LIBLISTSZ: 0x6ffffdf7n,
  DT_CHECKSUM: 0x6ffffdf8n,
  DT_PLTPADSZ: 0x6ffffdf9n,
  DT_MOVEENT: 0x6ffffdfan,
  DT_MOVESZ: 0x6ffffdfbn,
  DT_POSFLAG_1: 0x6ffffdfdn,
  DT_SYMINSZ: 0x6ffffdfen,
  DT_SYMINENT: 0x6ffffdffn,
  DT_GNU_HASH: 0x6ffffef5n,
  DT_TLSDESC_PLT: 0x6ffffef6n,
  DT_TLSDESC_GOT: 0x6ffffef7n,
  DT_GNU_CONFLICT: 0x6ffffef8n,
  DT_GNU_LIBLIST: 0x6ffffef9n,
  DT_CONFIG: 0x6ffffefan,
  DT_DEPAUDIT: 0x6ffffefbn,
  DT_AUDIT: 0x6ffffefcn,
  DT_PLTPAD: 0x6ffffefdn,
  DT_MOVETAB: 0x6ffffefen,
  DT_SYMINFO: 0x6ffffeffn,
  DT_VERSYM: 0x6ffffff0n,
  DT_RELACOUNT: 0x6ffffff9n,
  DT_RELCOUNT: 0x6ffffffan,
  DT_FLAGS_1: 0x6ffffffbn,
  DT_VERDEF: 0x6ffffffcn,
  DT_VERDEFNUM: 0x6ffffffdn,
  DT_VERNEED: 0x6ffffffen,
  DT_VERNEEDNUM: 0x6fffffffn,
  DT_AUXILIARY: 0x7ffffffdn,
  DT_FILTER: 0x7fffffffn,
} as const;

/** Names that one machine gives to the processor-specific range of d_tag. */
export const machineDT = {
  8: {
    DT_MIPS_RLD_VERSION: 0x70000001n,
    DT_MIPS_TIME_STAMP: 0x70000002n,
    DT_MIPS_ICHECKSUM: 0x70000003n,
    DT_MIPS_IVERSION: 0x70000004n,
    DT_MIPS_FLAGS: 0x70000005n,
    DT_MIPS_BASE_ADDRESS: 0x70000006n,
    DT_MIPS_CONFLICT: 0x70000008n,
    DT_MIPS_LIBLIST: 0x70000009n,
    DT_MIPS_LOCAL_GOTNO: 0x7000000an,
    DT_MIPS_CONFLICTNO: 0x7000000bn,
    DT_MIPS_LIBLISTNO: 0x70000010n,
    DT_MIPS_SYMTABNO: 0x70000011n,
    DT_MIPS_UNREFEXTNO: 0x70000012n,
    DT_MIPS_GOTSYM: 0x70000013n,
    DT_MIPS_HIPAGENO: 0x70000014n,
    DT_MIPS_RLD_MAP: 0x70000016n,
    DT_MIPS_OPTIONS: 0x70000029n,
    DT_MIPS_PLTGOT: 0x70000032n,
    DT_MIPS_RWPLT: 0x70000034n,
    DT_MIPS_RLD_MAP_REL: 0x70000035n,
    DT_MIPS_XHASH: 0x70000036n,
  },
  20: {DT_PPC_GOT: 0x70000000n, DT_PPC_OPT: 0x70000001n},
  21: {
    DT_PPC64_GLINK: 0x70000000n,
    DT_PPC64_OPD: 0x70000001n,
    DT_PPC64_OPDSZ: 0x70000002n,
    DT_PPC64_OPT: 0x70000003n,
  },
  62: {DT_X86_64_PLT: 0x70000000n, DT_X86_64_PLTSZ: 0x70000001n, DT_X86_64_PLTENT: 0x70000003n},
  183: {
    DT_AARCH64_BTI_PLT: 0x70000001n,
    DT_AARCH64_PAC_PLT: 0x70000003n,
    DT_AARCH64_VARIANT_PCS: 0x70000005n,
  },
  243: {DT_RISCV_VARIANT_CC: 0x70000001n},
} as const satisfies Readonly<Record<number, Readonly<Record<string, bigint>>>>;

export const DF = {
  DF_ORIGIN: 1n,
  DF_SYMBOLIC: 2n,
  DF_TEXTREL: 4n,
  DF_BIND_NOW: 8n,
  DF_STATIC_TLS: 16n,
} as const;
export const DF_1 = {
  DF_1_NOW: 1n,
  DF_1_NODELETE: 8n,
  DF_1_ORIGIN: 0x80n,
  DF_1_NODEFLIB: 0x800n,
  DF_1_PIE: 0x08000000n,
} as const;

export const NT = {
  NT_GNU_ABI_TAG: 1,
  NT_GNU_BUILD_ID: 3,
  NT_GNU_PROPERTY_TYPE_0: 5,
  NT_FDO_DLOPEN: 0x407c0c0a,
} as const;

/** The number's name in a table of names, or the number itself in hexadecimal. */
export function nameOf(names: Readonly<Record<string, number | bigint>>, value: number | bigint): string {
  return Object.keys(names).find((name) => names[name] === value) ?? hex(value);
}

/** The name of a p_type on one machine. */
export const segmentTypeName: (p_type: number, e_machine: number) => string = namesOn<number>(PT, machinePT);

/** The name of a d_tag on one machine. */
export const dynamicTagName: (d_tag: bigint, e_machine: number) => string = namesOn<bigint>(DT, machineDT);

/**
 * Look up names common to all machines or specific to one. The tables are inverted once per machine, because lookups
 * are frequent.
 */
function namesOn<T extends number | bigint>(
  common: Readonly<Record<string, T>>,
  machines: Readonly<Record<number, Readonly<Record<string, T>>>>,
): (value: T, e_machine: number) => string {
  const byMachine = new Map<number, ReadonlyMap<T, string>>();
  return (value, e_machine) => {
    const key = e_machine in machines ? e_machine : 0;
    let names = byMachine.get(key);
    if (names === undefined) {
      // If a value has two names, the first wins, as in nameOf.
      const entries = Object.entries({...common, ...machines[key]}).reverse();
      names = new Map(entries.map(([name, number]) => [number, name]));
      byMachine.set(key, names);
    }
    return names.get(value) ?? hex(value);
  };
}
