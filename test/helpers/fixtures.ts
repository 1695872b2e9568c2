/*
 * The committed test programs and what is known about each. The facts are written down here, not read with the code
 * under test: they are what the tests compare with.
 */
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

/** What all programs of one toolchain share. */
export interface Toolchain {
  readonly elfClass: 32 | 64;
  readonly littleEndian: boolean;
  readonly e_machine: number;
  /** The interpreter that its linker asks for. */
  readonly interpreter: string;
  readonly libc: string;
  /** The architecture's name, as `uname -m` prints it. */
  readonly machine: string;
  readonly debianArchitecture: string;
  /** The command that a program's path is appended to; empty where this (x86-64) machine runs it itself. */
  readonly command: readonly string[];
}

export interface Fixture extends Omit<Toolchain, 'interpreter'> {
  /** Path below test-binaries/, as in `x86_64/probe-pie`. */
  readonly name: string;
  readonly path: string;
  readonly toolchain: ToolchainName;
  readonly e_type: 'ET_REL' | 'ET_EXEC' | 'ET_DYN';
  /** Value of PT_INTERP; undefined when there is none. */
  readonly interpreter: string | undefined;
  /** DT_NEEDED in order; undefined when there is no dynamic section. */
  readonly needed: readonly string[] | undefined;
  readonly hasSections: boolean;
  /** What it prints when it runs undamaged, with exit status 0; undefined if it does not run. */
  readonly output: RegExp | undefined;
}

const glibc = 'libc.so.6';

function cross(
  elfClass: 32 | 64,
  littleEndian: boolean,
  e_machine: number,
  machine: string,
  debianArchitecture: string,
  interpreter: string,
  command: string,
): Toolchain {
  return {
    elfClass,
    littleEndian,
    e_machine,
    machine,
    debianArchitecture,
    interpreter,
    libc: glibc,
    command: command === '' ? [] : command.split(' '),
  };
}

export const toolchains = {
  x86_64: cross(64, true, 62, 'x86_64', 'amd64', '/lib64/ld-linux-x86-64.so.2', ''),
  i386: cross(32, true, 3, 'i386', 'i386', '/lib/ld-linux.so.2', 'qemu-i386 -L /usr/i686-linux-gnu'),
  armel: cross(32, true, 40, 'arm', 'armel', '/lib/ld-linux.so.3', 'qemu-arm -L /usr/arm-linux-gnueabi'),
  armhf: cross(
    32,
    true,
    40,
    'arm',
    'armhf',
    '/lib/ld-linux-armhf.so.3',
    'qemu-arm -L /usr/arm-linux-gnueabihf',
  ),
  aarch64: cross(
    64,
    true,
    183,
    'aarch64',
    'arm64',
    '/lib/ld-linux-aarch64.so.1',
    'qemu-aarch64 -L /usr/aarch64-linux-gnu',
  ),
  riscv64: cross(
    64,
    true,
    243,
    'riscv64',
    'riscv64',
    '/lib/ld-linux-riscv64-lp64d.so.1',
    'qemu-riscv64 -L /usr/riscv64-linux-gnu',
  ),
  ppc64: cross(64, false, 21, 'ppc64', 'ppc64', '/lib64/ld64.so.1', 'qemu-ppc64 -L /usr/powerpc64-linux-gnu'),
  ppc64le: cross(
    64,
    true,
    21,
    'ppc64le',
    'ppc64el',
    '/lib64/ld64.so.2',
    'qemu-ppc64le -L /usr/powerpc64le-linux-gnu',
  ),
  s390x: cross(64, false, 22, 's390x', 's390x', '/lib/ld64.so.1', 'qemu-s390x -L /usr/s390x-linux-gnu'),
  mips64el: cross(
    64,
    true,
    8,
    'mips64el',
    'mips64el',
    '/lib64/ld.so.1',
    'qemu-mips64el -L /usr/mips64el-linux-gnuabi64',
  ),
  musl: {...cross(64, true, 62, 'x86_64', 'amd64', '/lib/ld-musl-x86_64.so.1', ''), libc: 'libc.so'},
} as const satisfies Record<string, Toolchain>;

export type ToolchainName = keyof typeof toolchains;
export const toolchainNames = Object.keys(toolchains) as readonly ToolchainName[];

/** Compiled tests are in build/test/helpers. */
const directory = new URL('../../../test-binaries/', import.meta.url);

const probeOutput = /^probe: all as linked\n$/;
const helloOutput = /^hello from (ARM|x86-64): \S+, argv\[0\]=.*hello-static(-pie)?\n$/;
const needsOutput = /^needs-libprobe: 83, version 2\n$/;

function define(toolchain: ToolchainName, file: string, facts: Partial<Fixture> = {}): Fixture {
  const {libc, ...shared} = toolchains[toolchain];
  const name = `${toolchain}/${file}`;
  return {
    ...shared,
    libc,
    name,
    path: fileURLToPath(new URL(name, directory)),
    toolchain,
    e_type: file.endsWith('-exec') ? 'ET_EXEC' : 'ET_DYN',
    needed: [libc],
    hasSections: true,
    output: probeOutput,
    ...facts,
  };
}

const noInterpreter = {interpreter: undefined};
const library = {...noInterpreter, needed: ['ld-linux-x86-64.so.2'], output: undefined};
const needsLibrary = {needed: ['libprobe.so.1', glibc], output: needsOutput};
const staticProgram = {...noInterpreter, needed: undefined, output: helloOutput};

export const fixtures: readonly Fixture[] = [
  ...toolchainNames.flatMap((name) => [define(name, 'probe-pie'), define(name, 'probe-exec')]),
  ...['gold', 'lld', 'mold'].flatMap((linker) => [
    define('x86_64', `probe-${linker}-pie`),
    define('x86_64', `probe-${linker}-exec`),
  ]),
  define('armhf', 'probe-gold-exec'),
  define('armhf', 'probe-lld-pie'),
  define('i386', 'probe-lld-exec'),
  define('s390x', 'probe-mold-pie'),
  define('riscv64', 'probe-mold-exec'),
  define('aarch64', 'probe-lld-pie'),
  define('mips64el', 'probe-lld-exec'),
  define('x86_64', 'hello-static', {...staticProgram, e_type: 'ET_EXEC'}),
  define('x86_64', 'hello-static-pie', {...staticProgram, needed: []}),
  define('armel', 'hello-static', {...staticProgram, e_type: 'ET_EXEC'}),
  define('x86_64', 'libprobe.so.1', library),
  define('armhf', 'libprobe.so.1', {...library, needed: ['ld-linux-armhf.so.3']}),
  define('s390x', 'libprobe.so.1', {...library, needed: ['ld64.so.1']}),
  define('x86_64', 'needs-libprobe', needsLibrary),
  define('x86_64', 'needs-libprobe-rpath', needsLibrary),
  define('armhf', 'needs-libprobe', needsLibrary),
  define('s390x', 'needs-libprobe', needsLibrary),
  define('x86_64', 'probe-nosections', {hasSections: false}),
  define('armhf', 'probe-nosections', {hasSections: false}),
  define('s390x', 'probe-nosections', {hasSections: false}),
  define('x86_64', 'probe.o', {...noInterpreter, needed: undefined, e_type: 'ET_REL', output: undefined}),
];

/**
 * A separate debug file, not among the fixtures: its program headers are a copy of the program's, but the bytes that
 * they describe are absent.
 */
export const debugFile = fileURLToPath(new URL('x86_64/probe.debug', directory));

/** Fixtures with a PT_INTERP. */
export const dynamicPrograms: readonly Fixture[] = fixtures.filter((f) => f.interpreter !== undefined);

/** The fixture of that name; an unknown name is a mistake in the test. */
export function fixture(name: string): Fixture {
  const found = fixtures.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no fixture ${name}`);
  return found;
}

/** A fixture's bytes, a new copy for each caller. */
export function fixtureBytes(name: string): Buffer {
  return readFileSync(fixture(name).path);
}
