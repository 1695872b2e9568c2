/*
 * Which bytes at the start of a file belong to which qemu-user target, as binfmt_misc wants them: a magic and
 * a mask, compared from the first byte on.
 *
 * Both are ELF headers. The magic is the header that every program of the target has; the mask is a header whose fields
 * hold the bits that must agree. So a target is defined by class, byte order and e_machine, plus its deviations. The
 * values are those of QEMU's scripts/qemu-binfmt-conf.sh, except where a note says otherwise.
 *
 * A new target needs a line here, one in elf/machine.ts, a program in tiny-guest.ts and a row in test/binfmt/targets.tsv;
 * where its loaders have paths or rules of their own, also loader/standard-loader.ts, candidate.ts and loader-facts.ts.
 */
import {endianness} from 'node:os';
import {ET} from '../elf/constants.js';
import type {ElfClass, Format} from '../elf/record.js';
import {Ehdr, Ident} from '../elf/records.js';

/** A machine that qemu-user emulates, and how its programs begin. */
export interface QemuTarget {
  /** As in `qemu-NAME`. */
  readonly name: string;
  /** Targets of one family run on each other's machines without an emulator, as far as the processor allows. */
  readonly family: string;
  /** Debian architectures whose programs it runs, today's and former ones. */
  readonly debianArchitectures: readonly string[];
  readonly elfClass: ElfClass;
  readonly littleEndian: boolean;
  readonly e_machine: number;
  readonly magic: Uint8Array;
  readonly mask: Uint8Array;
}

/** The fields that deviate: which bits count, and for e_flags the value that they must have. */
type Oddities = Partial<Record<keyof Ident | keyof Ehdr, {value?: number; mask: number}>>;

/** ET_EXEC and ET_DYN (position-independent programs) count alike; so do ELFOSABI_NONE and ELFOSABI_LINUX. */
const common: Oddities = {EI_OSABI: {mask: 0}, e_type: {mask: 0xfffe}};

/** These tolerate bit 0 of two fields, for the sake of programs that infect or compress i386 files. */
const tolerant: Oddities = {EI_DATA: {mask: 0xfe}, EI_VERSION: {mask: 0xfe}};

/** EI_ABIVERSION varies by floating-point ABI. */
const anyAbiVersion: Oddities = {EI_ABIVERSION: {mask: 0}};

/** o32 and n32 are both ELFCLASS32; bit EF_MIPS_ABI2 of e_flags tells them apart (MIPS psABI). */
const EF_MIPS_ABI2 = 0x20;
const o32: Oddities = {...anyAbiVersion, e_flags: {value: 0, mask: EF_MIPS_ABI2}};
const n32: Oddities = {...anyAbiVersion, e_flags: {value: EF_MIPS_ABI2, mask: EF_MIPS_ABI2}};

const le = true;
const be = false;

const identSize = 16;
const emptyEhdr: Ehdr = {
  e_type: 0,
  e_machine: 0,
  e_version: 0,
  e_entry: 0n,
  e_phoff: 0,
  e_shoff: 0,
  e_flags: 0,
  e_ehsize: 0,
  e_phentsize: 0,
  e_phnum: 0,
  e_shentsize: 0,
  e_shnum: 0,
  e_shstrndx: 0,
};

/** Every target, as name, family, Debian architectures, class, byte order, e_machine, oddities. */
export const qemuTargets: readonly QemuTarget[] = [
  define('i386', 'i386', ['i386'], 32, le, 3, tolerant),
  define('i486', 'i386', [], 32, le, 6, tolerant),
  // x32 is ELFCLASS32 with the same e_machine: no target runs it, and this magic does not match it.
  define('x86_64', 'i386', ['amd64'], 64, le, 62, tolerant),
  define('alpha', 'alpha', ['alpha'], 64, le, 0x9026, tolerant),
  // e_flags tell armel from armhf; one emulator runs both.
  define('arm', 'arm', ['arm', 'armel', 'armhf'], 32, le, 40),
  define('armeb', 'armeb', [], 32, be, 40),
  define('aarch64', 'arm', ['arm64'], 64, le, 183),
  define('aarch64_be', 'armeb', [], 64, be, 183),
  define('sparc', 'sparc', ['sparc'], 32, be, 2),
  define('sparc32plus', 'sparc', ['sparc'], 32, be, 18),
  define('sparc64', 'sparc', ['sparc64'], 64, be, 43),
  define('ppc', 'ppc', ['powerpc', 'powerpcspe'], 32, be, 20),
  define('ppc64', 'ppc', ['ppc64'], 64, be, 21),
  define('ppc64le', 'ppcle', ['ppc64el'], 64, le, 21, {e_machine: {mask: 0x00ff}}),
  define('m68k', 'm68k', ['m68k'], 32, be, 4, {EI_VERSION: {mask: 0xfe}}),
  define('mips', 'mips', ['mips'], 32, be, 8, o32),
  define('mipsel', 'mips', ['mipsel'], 32, le, 8, o32),
  define('mipsn32', 'mips', ['mipsn32'], 32, be, 8, n32),
  define('mipsn32el', 'mips', ['mipsn32el'], 32, le, 8, n32),
  define('mips64', 'mips', ['mips64'], 64, be, 8, anyAbiVersion),
  define('mips64el', 'mips', ['mips64el'], 64, le, 8, anyAbiVersion),
  define('sh4', 'sh4', ['sh4'], 32, le, 42),
  define('sh4eb', 'sh4', [], 32, be, 42),
  define('s390x', 's390x', ['s390x'], 64, be, 22),
  define('hppa', 'hppa', ['hppa'], 32, be, 15),
  define('riscv32', 'riscv32', ['riscv32'], 32, le, 243),
  define('riscv64', 'riscv64', ['riscv64'], 64, le, 243),
  define('xtensa', 'xtensa', [], 32, le, 94),
  define('xtensaeb', 'xtensaeb', [], 32, be, 94),
  // QEMU's script writes e_type in the wrong byte order here, so its magic matches no real program.
  define('microblaze', 'microblaze', [], 32, be, 0xbaab),
  define('microblazeel', 'microblazeel', [], 32, le, 0xbaab),
  define('or1k', 'or1k', [], 32, be, 92),
  define('hexagon', 'hexagon', [], 32, le, 164),
  define('loongarch64', 'loongarch', ['loong64'], 64, le, 258, {...anyAbiVersion, EI_OSABI: {mask: 0xfc}}),
  define('cris', 'cris', [], 32, le, 76),
];

/** Find a target by the name that QEMU has for it; undefined when there is none. */
export function targetByName(name: string): QemuTarget | undefined {
  return qemuTargets.find((target) => target.name === name);
}

/** The target of an emulator by the name that it usually has: `qemu-TARGET`, or `qemu-TARGET-static`. */
export function targetOfEmulatorName(name: string): QemuTarget | undefined {
  const target = targetNameIn(name);
  return target === undefined ? undefined : targetByName(target);
}

/** The target's name in such a name, known or not. */
export function targetNameIn(name: string): string | undefined {
  return /^qemu-(\w+?)(?:-static)?$/.exec(name)?.[1];
}

/** List Debian's names of the architectures whose programs qemu-user runs, in alphabetical order. */
export function debianArchitectures(): string[] {
  return [...new Set(qemuTargets.flatMap((target) => target.debianArchitectures))].sort();
}

/** Find the targets that run programs of a Debian architecture: sparc has two, most have one, x32 none. */
export function targetsForDebianArchitecture(architecture: string): readonly QemuTarget[] {
  return qemuTargets.filter((target) => target.debianArchitectures.includes(architecture));
}

/** Find the target whose programs begin like `head`, the first bytes of a file (40 suffice). */
export function targetOfFile(head: Uint8Array): QemuTarget | undefined {
  return qemuTargets.find((target) => matchesMagic(head, target));
}

/** Compare as the kernel does: only the bits set in the mask, at `offset`; without a mask, all bits. */
export function matchesMagic(
  head: Uint8Array,
  {magic, mask, offset = 0}: {magic: Uint8Array; mask?: Uint8Array | undefined; offset?: number},
): boolean {
  return magic.every((byte, i) => (((head[offset + i] ?? 0) ^ byte) & (mask?.[i] ?? 0xff)) === 0);
}

/**
 * Tell whether this machine may run a target's programs itself.
 *
 * @param architecture as `process.arch` has it
 */
export function isNativeTarget(target: QemuTarget, architecture: string = process.arch): boolean {
  // QEMU counts both byte orders of MIPS as one family, and no processor of one runs programs of the other.
  const isMips = target.family === 'mips';
  return (
    target.family === nativeFamily(architecture) &&
    (!isMips || target.littleEndian === (architecture === 'mipsel'))
  );
}

/**
 * Tell whether a target must never be registered on this machine: the entry would catch the machine's own
 * programs, the emulator among them, and each one would end in "Too many levels of symbolic links".
 *
 * 32-bit ARM on 64-bit ARM is an exception: the entry catches none of the machine's own programs, and many of these
 * processors cannot run 32-bit programs.
 */
export function isHarmfulTarget(target: QemuTarget, architecture: string = process.arch): boolean {
  if (architecture === 'arm64' && target.elfClass === 32) return false;
  return isNativeTarget(target, architecture);
}

function nativeFamily(architecture: string): string | undefined {
  if (architecture === 'ppc64') return endianness() === 'LE' ? 'ppcle' : 'ppc';
  return families[architecture];
}

const families: Readonly<Record<string, string>> = {
  ia32: 'i386',
  x64: 'i386',
  arm: 'arm',
  arm64: 'arm',
  ppc: 'ppc',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loongarch',
  mips: 'mips',
  mipsel: 'mips',
};

function define(
  name: string,
  family: string,
  debianArchitectures: readonly string[],
  elfClass: ElfClass,
  littleEndian: boolean,
  e_machine: number,
  oddities: Oddities = {},
): QemuTarget {
  const format = {elfClass, littleEndian};
  const odd = {...common, ...oddities};
  // The comparison ends after e_machine, except where e_flags decide.
  const length = identSize + Ehdr.offsetOf(odd.e_flags ? 'e_ehsize' : 'e_version', elfClass);
  return {
    name,
    family,
    debianArchitectures,
    ...format,
    e_machine,
    magic: magicOf(format, e_machine, odd).subarray(0, length),
    mask: maskOf(format, odd).subarray(0, length),
  };
}

function magicOf(format: Format, e_machine: number, odd: Oddities): Uint8Array {
  const ident = {
    EI_MAG0: 0x7f,
    EI_MAG1: 0x45,
    EI_MAG2: 0x4c,
    EI_MAG3: 0x46,
    EI_CLASS: format.elfClass / 32,
    EI_DATA: format.littleEndian ? 1 : 2,
    EI_VERSION: 1,
    EI_OSABI: 0,
    EI_ABIVERSION: 0,
  };
  const e_flags = odd.e_flags?.value ?? 0;
  return header(format, 0x00, ident, {e_type: ET.ET_EXEC, e_machine, e_version: 1, e_flags});
}

function maskOf(format: Format, odd: Oddities): Uint8Array {
  const mask = (field: keyof Oddities, usual: number) => odd[field]?.mask ?? usual;
  const ident = {
    EI_MAG0: 0xff,
    EI_MAG1: 0xff,
    EI_MAG2: 0xff,
    EI_MAG3: 0xff,
    EI_CLASS: 0xff,
    EI_DATA: mask('EI_DATA', 0xff),
    EI_VERSION: mask('EI_VERSION', 0xff),
    EI_OSABI: mask('EI_OSABI', 0xff),
    EI_ABIVERSION: mask('EI_ABIVERSION', 0xff),
  };
  return header(format, 0xff, ident, {
    e_type: mask('e_type', 0xffff),
    e_machine: mask('e_machine', 0xffff),
    e_version: 0xffff_ffff,
    e_flags: mask('e_flags', 0),
  });
}

/** An ELF header; the padding of e_ident counts in a comparison like any other byte. */
function header(format: Format, padding: number, ident: Ident, rest: Partial<Ehdr>): Uint8Array {
  const e_ident = new Uint8Array(identSize).fill(padding);
  e_ident.set(Ident.encode(ident, format));
  return new Uint8Array([...e_ident, ...Ehdr.encode({...emptyEhdr, ...rest}, format)]);
}
