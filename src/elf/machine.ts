/*
 * What e_machine, e_flags, the class and the byte order say about where a file runs.
 *
 * Sources: e_machine values from the gABI registry; ABI flags from each psABI; `maxPageSize` is the largest page that a
 * kernel for that machine may use, as in GNU ld's ELF_MAXPAGESIZE. It decides whether two segments share a page; the
 * page size of the machine that elfinterp runs on never does.
 */
import {hex} from '../errors.js';
import type {Format} from './record.js';
import type {ElfView} from './view.js';

/** A machine that programs are made for. */
export interface Machine {
  /** The architecture's usual name (uname -m where there is one). */
  readonly name: string;
  /** Debian architectures whose programs look like this; empty when Debian has none. */
  readonly debianArchitectures: readonly string[];
  /** The qemu-user target that runs it; undefined when qemu-user has none. */
  readonly qemuTarget: string | undefined;
  /** In bytes. */
  readonly maxPageSize: number;
}

export interface MachineFacts extends Format {
  readonly e_machine: number;
  readonly e_flags: number;
}

/** What a view says about its machine. An unknown e_machine is not an error. */
export function machineOf({header: {e_machine, e_flags}, format}: ElfView): Machine {
  return describeMachine({e_machine, e_flags, ...format});
}

const page4K = 0x1000;
const page8K = 0x2000;
const page64K = 0x10000;

/** Like `machineOf`, from the header fields alone. */
export function describeMachine(facts: MachineFacts): Machine {
  const known = machines[facts.e_machine];
  return known?.(facts) ?? machine(`machine ${hex(facts.e_machine)}`, page64K);
}

function machine(
  name: string,
  maxPageSize: number,
  qemuTarget?: string,
  debianArchitectures: readonly string[] = qemuTarget === undefined ? [] : [qemuTarget],
): Machine {
  return {name, maxPageSize, qemuTarget, debianArchitectures};
}

/** One entry per e_machine: the machine, given class, byte order and flags; undefined for an unknown combination. */
const machines: Readonly<Record<number, (facts: MachineFacts) => Machine | undefined>> = {
  2: () => machine('sparc', page64K, 'sparc'),
  3: () => machine('i386', page4K, 'i386'),
  4: () => machine('m68k', page8K, 'm68k'),
  6: () => machine('i486', page4K, 'i486', []),
  8: mips,
  15: () => machine('hppa', page64K, 'hppa'),
  18: () => machine('sparc32plus', page64K, 'sparc32plus', ['sparc']),
  20: ({littleEndian}) => (littleEndian ? undefined : machine('ppc', page64K, 'ppc', ['powerpc'])),
  21: ({littleEndian}) =>
    littleEndian ? machine('ppc64le', page64K, 'ppc64le', ['ppc64el']) : machine('ppc64', page64K, 'ppc64'),
  22: ({elfClass}) => (elfClass === 64 ? machine('s390x', page4K, 's390x') : machine('s390', page4K)),
  40: arm,
  42: ({littleEndian}) =>
    littleEndian ? machine('sh4', page64K, 'sh4') : machine('sh4eb', page64K, 'sh4eb', []),
  43: () => machine('sparc64', 0x100000, 'sparc64'),
  50: () => machine('ia64', page64K, undefined, ['ia64']),
  62: ({elfClass}) =>
    elfClass === 64
      ? machine('x86_64', page4K, 'x86_64', ['amd64'])
      : machine('x32', page4K, undefined, ['x32']),
  76: () => machine('cris', page8K, 'cris', []),
  92: ({littleEndian}) => (littleEndian ? undefined : machine('or1k', page8K, 'or1k', [])),
  94: ({littleEndian}) => {
    const name = littleEndian ? 'xtensa' : 'xtensaeb';
    return machine(name, page4K, name, []);
  },
  164: () => machine('hexagon', page64K, 'hexagon', []),
  183: aarch64,
  189: () => machine('microblaze', page4K),
  243: ({elfClass}) => {
    const name = `riscv${elfClass}`;
    return machine(name, page4K, name);
  },
  252: () => machine('csky', page4K),
  258: ({elfClass}) =>
    elfClass === 64
      ? machine('loongarch64', page64K, 'loongarch64', ['loong64'])
      : machine('loongarch32', page64K),
  36902: () => machine('alpha', page64K, 'alpha'),
  47787: ({littleEndian}) => {
    const name = littleEndian ? 'microblazeel' : 'microblaze';
    return machine(name, page4K, name, []);
  },
};

/** e_flags of the ARM EABI, version 5: which registers carry floating-point arguments. */
const EF_ARM_ABI_FLOAT_SOFT = 0x200;
const EF_ARM_ABI_FLOAT_HARD = 0x400;

function arm({littleEndian, e_flags}: MachineFacts): Machine {
  if (!littleEndian) return machine('armeb', page64K, 'armeb', []);
  if ((e_flags & EF_ARM_ABI_FLOAT_HARD) !== 0) return machine('arm', page64K, 'arm', ['armhf']);
  if ((e_flags & EF_ARM_ABI_FLOAT_SOFT) !== 0) return machine('arm', page64K, 'arm', ['armel']);
  return machine('arm', page64K, 'arm', ['armel', 'armhf']);
}

function aarch64({elfClass, littleEndian}: MachineFacts): Machine {
  if (elfClass === 32) return machine('aarch64_ilp32', page64K);
  return littleEndian
    ? machine('aarch64', page64K, 'aarch64', ['arm64'])
    : machine('aarch64_be', page64K, 'aarch64_be', []);
}

/** e_flags bit that separates n32 from o32 among the 32-bit files (MIPS psABI). */
const EF_MIPS_ABI2 = 0x20;

function mips({elfClass, littleEndian, e_flags}: MachineFacts): Machine {
  const suffix = littleEndian ? 'el' : '';
  if (elfClass === 64) return machine(`mips64${suffix}`, page64K, `mips64${suffix}`);
  const abi = (e_flags & EF_MIPS_ABI2) !== 0 ? 'mipsn32' : 'mips';
  return machine(`${abi}${suffix}`, page64K, `${abi}${suffix}`);
}

/** Whether qemu-user has a target of this name, such as `arm`, whose emulator is `qemu-arm`. */
export function isQemuTarget(name: string): boolean {
  return Object.keys(machines)
    .flatMap((e_machine) => variants.map((variant) => ({...variant, e_machine: Number(e_machine)})))
    .some((facts) => describeMachine(facts).qemuTarget === name);
}

/** The combinations for which one e_machine may have different targets. */
const variants: readonly Omit<MachineFacts, 'e_machine'>[] = ([32, 64] as const).flatMap((elfClass) =>
  [true, false].flatMap((littleEndian) =>
    [0, EF_MIPS_ABI2].map((e_flags) => ({elfClass, littleEndian, e_flags})),
  ),
);
