/*
 * Which segments and sections are the linker's own tables: only headers and DT_* entries refer to them, so they may
 * move. Code may address anything else.
 */
import {EM, machinePT, PT, SHF, SHT} from './constants.js';
import type {Shdr} from './records.js';

const tableTypes: ReadonlySet<number> = new Set([
  SHT.SHT_NOTE,
  SHT.SHT_HASH,
  SHT.SHT_GNU_HASH,
  SHT.SHT_DYNSYM,
  SHT.SHT_STRTAB,
  SHT.SHT_GNU_VERSYM,
  SHT.SHT_GNU_VERNEED,
  SHT.SHT_GNU_VERDEF,
  SHT.SHT_RELA,
  SHT.SHT_REL,
  SHT.SHT_RELR,
]);

/** A segment that is the linker's own table; it may move when nothing names its bytes. */
export function isTableSegment(p_type: number, e_machine: number): boolean {
  const names: Readonly<Record<number, readonly number[]>> = tableSegmentsOf;
  return tableSegments.has(p_type) || (names[e_machine]?.includes(p_type) ?? false);
}

const tableSegments: ReadonlySet<number> = new Set([PT.PT_INTERP, PT.PT_NOTE, PT.PT_GNU_PROPERTY]);

const tableSegmentsOf = {
  [EM.EM_MIPS]: [machinePT[8].PT_MIPS_REGINFO, machinePT[8].PT_MIPS_OPTIONS, machinePT[8].PT_MIPS_ABIFLAGS],
} as const;

/** Tables of one machine that no code addresses, with or without a segment or DT_* entry of their own. */
export function isMachineTable({sh_type}: Shdr, e_machine: number): boolean {
  return e_machine === EM.EM_MIPS && mipsTables.has(sh_type);
}

/** SHT_MIPS_REGINFO, _OPTIONS, _ABIFLAGS and _XHASH (binutils, include/elf/mips.h). */
const mipsTables: ReadonlySet<number> = new Set([0x70000006, 0x7000000d, 0x7000002a, 0x7000002b]);

/** A loaded section that is one of the linker's own tables. */
export function isLinkerTable({sh_type, sh_flags}: Shdr): boolean {
  return tableTypes.has(sh_type) && (sh_flags & SHF.SHF_ALLOC) !== 0;
}
