/*
 * What a loader does with a file that has the right name: takes it, passes over it, or gives up.
 *
 * glibc decides in two steps (elf/dl-load.c). open_verify looks at the header and program headers; it passes over a
 * file for another class or machine, but a damaged file, or one for another byte order, ends the program. Then, if the
 * file is not loaded yet, _dl_map_object_from_fd makes checks of its own, all of them fatal. The messages are the
 * loader's.
 */
import {DF_1, ET} from '../elf/constants.js';
import type {MachineFacts} from '../elf/machine.js';
import type {ObjectFile} from './object.js';

/** `skip` goes on to the next place, `fatal` ends the search and the program. */
export type Verdict =
  | {readonly kind: 'take'}
  | {readonly kind: 'skip'; readonly why: string}
  | {readonly kind: 'fatal'; readonly why: string};

/** What glibc's open_verify says. */
export function verifyCandidate(file: ObjectFile, wanted: MachineFacts): Verdict {
  const {ident, header, machine, segments} = file;
  if (file.size < headerSize[wanted.elfClass]) return fatal('file too short');
  if (!file.magic || ident === undefined) return fatal('invalid ELF header');
  if (ident.EI_CLASS * 32 !== wanted.elfClass) {
    return skip(`wrong ELF class: ELFCLASS${wanted.elfClass === 64 ? 32 : 64}`);
  }
  if (ident.EI_DATA !== (wanted.littleEndian ? 1 : 2)) {
    return fatal(`ELF file data encoding not ${wanted.littleEndian ? 'little' : 'big'}-endian`);
  }
  if (ident.EI_VERSION !== 1) return fatal('ELF file version ident does not match current one');
  if (!knownOsAbi(ident.EI_OSABI, wanted)) return fatal('ELF file OS ABI invalid');
  if (ident.EI_ABIVERSION > newestAbi(ident.EI_OSABI, wanted)) return fatal('ELF file ABI version invalid');
  if (!file.padded) return fatal('nonzero padding in e_ident');
  if (header === undefined || machine === undefined) return fatal('cannot read file data');
  if (header.e_version !== 1) return fatal('ELF file version does not match current one');
  if (!sameMachine(machine, wanted)) return skip('other machine');
  if (header.e_type !== ET.ET_DYN && header.e_type !== ET.ET_EXEC) {
    return fatal('only ET_DYN and ET_EXEC can be loaded');
  }
  if (header.e_phentsize !== programHeaderSize[wanted.elfClass]) {
    return fatal("ELF file's phentsize not the expected size");
  }
  if (segments === undefined) return fatal('cannot read file data');
  return take;
}

/** What glibc's _dl_map_object_from_fd says of a file that it is about to load as a library. */
export function admitCandidate(file: ObjectFile): Verdict {
  if (!file.segments?.loadable) return fatal('object file has no loadable segments');
  if (file.header?.e_type === ET.ET_EXEC) return fatal('cannot dynamically load executable');
  if (file.problem !== undefined) return fatal(`damaged: ${file.problem.message}`);
  if (file.dynamic === undefined) return fatal('object file has no dynamic section');
  if ((file.dynamic.flags1 & DF_1.DF_1_PIE) !== 0n) {
    return fatal('cannot dynamically load position-independent executable');
  }
  return take;
}

/**
 * What musl says of the first file that it can open (ldso/dynlink.c: map_library). It looks at e_type and wants a
 * dynamic section; neither magic nor machine matter to it, but a file of the other class has its fields elsewhere.
 */
export function verifyMuslCandidate(file: ObjectFile, wanted: MachineFacts): Verdict {
  const {header, machine} = file;
  const sameLayout = machine?.elfClass === wanted.elfClass && machine.littleEndian === wanted.littleEndian;
  const loadable = header?.e_type === ET.ET_DYN || header?.e_type === ET.ET_EXEC;
  return sameLayout && loadable && file.dynamic !== undefined ? take : fatal('Exec format error');
}

const take: Verdict = {kind: 'take'};

function skip(why: string): Verdict {
  return {kind: 'skip', why};
}

function fatal(why: string): Verdict {
  return {kind: 'fatal', why};
}

const headerSize = {32: 52, 64: 64} as const;
const programHeaderSize = {32: 32, 64: 56} as const;

const ELFOSABI_GNU = 3;
const ELFOSABI_ARM_AEABI = 64;
const EM_ARM = 40;
const EM_MIPS = 8;

function knownOsAbi(osabi: number, {e_machine}: MachineFacts): boolean {
  return osabi === 0 || osabi === ELFOSABI_GNU || (e_machine === EM_ARM && osabi === ELFOSABI_ARM_AEABI);
}

/** The highest EI_ABIVERSION that is accepted (libc-abis); MIPS has its own numbers. */
function newestAbi(osabi: number, {e_machine}: MachineFacts): number {
  if (e_machine === EM_MIPS) return 5;
  return osabi === ELFOSABI_GNU ? 3 : 0;
}

/**
 * Bits of e_flags that must agree, on machines for which elf_machine_matches_host checks any: the ABI, not the
 * instruction set.
 */
const abiFlags: Readonly<Record<number, number>> = {
  8: 0x420, // EF_MIPS_ABI2, EF_MIPS_NAN2008
  243: 0xe, // EF_RISCV_FLOAT_ABI, EF_RISCV_RVE
  258: 0x7, // EF_LOONGARCH_ABI_MODIFIER_MASK
};

/** Whether two files are for the same machine, as the loader of one sees the other. */
export function sameMachine(a: MachineFacts, b: MachineFacts): boolean {
  if (a.e_machine !== b.e_machine || a.elfClass !== b.elfClass || a.littleEndian !== b.littleEndian)
    return false;
  return ((a.e_flags ^ b.e_flags) & (abiFlags[a.e_machine] ?? 0)) === 0;
}
