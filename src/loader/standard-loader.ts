/*
 * Where the psABIs and the C libraries put the dynamic loader of each architecture: PT_INTERP as compilers write
 * it. It is used where a program's own PT_INTERP was rewritten to a place that does not exist here.
 */
import type {MachineFacts} from '../elf/machine.js';

/** The path of an architecture's loader; undefined where the C library does not run on it. */
export function standardLoader(libc: 'glibc' | 'musl', machine: MachineFacts): string | undefined {
  if (libc === 'glibc') return glibcLoaders[machine.e_machine]?.(machine);
  const name = muslArchitectures[machine.e_machine]?.(machine);
  return name === undefined ? undefined : `/lib/ld-musl-${name}.so.1`;
}

type Table = Readonly<Record<number, (machine: MachineFacts) => string>>;

const isHardArm = ({e_flags}: MachineFacts) => (e_flags & 0x400) !== 0;
const isN32 = ({e_flags}: MachineFacts) => (e_flags & 0x20) !== 0;
const isNan2008 = ({e_flags}: MachineFacts) => (e_flags & 0x400) !== 0;
/** The floating-point registers that carry arguments, by EF_RISCV_FLOAT_ABI. */
const riscvFloat = ({e_flags}: MachineFacts) => ['', 'f', 'd', 'q'][(e_flags >> 1) & 3];

const glibcLoaders: Table = {
  2: () => '/lib/ld-linux.so.2',
  3: () => '/lib/ld-linux.so.2',
  4: () => '/lib/ld.so.1',
  8: (machine) => {
    const directory = machine.elfClass === 64 ? '/lib64' : isN32(machine) ? '/lib32' : '/lib';
    return `${directory}/${isNan2008(machine) ? 'ld-linux-mipsn8.so.1' : 'ld.so.1'}`;
  },
  15: () => '/lib/ld.so.1',
  18: () => '/lib/ld-linux.so.2',
  20: () => '/lib/ld.so.1',
  21: ({littleEndian}) => (littleEndian ? '/lib64/ld64.so.2' : '/lib64/ld64.so.1'),
  22: ({elfClass}) => (elfClass === 64 ? '/lib/ld64.so.1' : '/lib/ld.so.1'),
  40: (machine) => (isHardArm(machine) ? '/lib/ld-linux-armhf.so.3' : '/lib/ld-linux.so.3'),
  42: () => '/lib/ld-linux.so.2',
  43: () => '/lib64/ld-linux.so.2',
  50: () => '/lib/ld-linux-ia64.so.2',
  62: ({elfClass}) => (elfClass === 64 ? '/lib64/ld-linux-x86-64.so.2' : '/libx32/ld-linux-x32.so.2'),
  92: () => '/lib/ld-linux-or1k.so.1',
  183: ({littleEndian}) => (littleEndian ? '/lib/ld-linux-aarch64.so.1' : '/lib/ld-linux-aarch64_be.so.1'),
  243: (machine) => {
    const abi = machine.elfClass === 64 ? 'lp64' : 'ilp32';
    return `/lib/ld-linux-riscv${machine.elfClass}-${abi}${riscvFloat(machine)}.so.1`;
  },
  258: ({e_flags}) => `/lib64/ld-linux-loongarch-lp64${['', 's', 'f', 'd'][e_flags & 3]}.so.1`,
  36902: () => '/lib/ld-linux.so.2',
};

const muslArchitectures: Table = {
  3: () => 'i386',
  4: () => 'm68k',
  8: (machine) => {
    const base = machine.elfClass === 64 ? 'mips64' : isN32(machine) ? 'mipsn32' : 'mips';
    return machine.littleEndian ? `${base}el` : base;
  },
  20: () => 'powerpc',
  21: ({littleEndian}) => (littleEndian ? 'powerpc64le' : 'powerpc64'),
  22: () => 's390x',
  40: (machine) => `arm${machine.littleEndian ? '' : 'eb'}${isHardArm(machine) ? 'hf' : ''}`,
  42: ({littleEndian}) => (littleEndian ? 'sh' : 'sheb'),
  62: ({elfClass}) => (elfClass === 64 ? 'x86_64' : 'x32'),
  92: () => 'or1k',
  183: ({littleEndian}) => (littleEndian ? 'aarch64' : 'aarch64_be'),
  243: ({elfClass}) => `riscv${elfClass}`,
  258: () => 'loongarch64',
};
