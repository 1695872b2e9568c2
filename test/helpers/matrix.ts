/*
 * The programs of test-binaries/matrix.sh: every linker and layout for every machine. They are built once for each test
 * file; ELFINTERP_MATRIX names a directory that keeps them between runs.
 */
import {copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import tmp from 'tmp';
import {type Toolchain, type ToolchainName, toolchains} from './fixtures.js';
import {output, type RunResult, run} from './tools.js';

export interface MatrixProgram {
  readonly name: string;
  readonly path: string;
  readonly toolchain: ToolchainName;
  readonly linker: string;
  /** `-pie`, `-no-pie` or `-shared`, and the name of the layout. */
  readonly options: string;
  /** The program that needs it, for a library. */
  readonly user: string | undefined;
  /** Emulator and its options; empty where the program runs natively. */
  readonly command: readonly string[];
}

const script = fileURLToPath(new URL('../../../test-binaries/matrix.sh', import.meta.url));

/** Build the programs of some toolchains, of all by default. */
export function buildMatrix(only: readonly ToolchainName[] = []): MatrixProgram[] {
  const kept = process.env.ELFINTERP_MATRIX;
  const directory = kept === undefined ? temporary() : path.resolve(kept, only.join('-') || 'all');
  mkdirSync(directory, {recursive: true});
  const list = path.join(directory, 'matrix.tsv');
  if (!existsSync(list))
    writeFileSync(list, output('bash', [script, directory, ...only], {timeout: 600_000}));
  return readFileSync(list, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseLine);
}

function temporary(): string {
  tmp.setGracefulCleanup();
  return tmp.dirSync({prefix: 'elfinterp-matrix-', unsafeCleanup: true}).name;
}

function parseLine(line: string): MatrixProgram {
  const [name = '', file = '', toolchain = '', linker = '', options = '', command = ''] = line.split('\t');
  return {
    name,
    path: file,
    user: options.startsWith('-shared') ? path.join(path.dirname(file), 'library-user') : undefined,
    toolchain: toolchain as ToolchainName,
    linker,
    options,
    command: command.split(' ').filter((word) => word !== ''),
  };
}

/** Run a program, or an edited copy of it, as its machine requires; for a library, run the program that needs it. */
export function runMatrixProgram(program: MatrixProgram, file: string): RunResult {
  if (program.user === undefined) return runWith(program, file);
  const directory = mkdtempSync(path.join(path.dirname(file), 'library-'));
  try {
    copyFileSync(file, path.join(directory, 'libprobe.so.1'));
    return runWith(program, program.user, directory);
  } finally {
    rmSync(directory, {recursive: true});
  }
}

/** Name the C library's directory, so that a program that may not search the default directories finds it too. */
function runWith(
  {command: [emulator, ...rest], toolchain}: MatrixProgram,
  file: string,
  directory = '',
): RunResult {
  const libraries = [directory, path.dirname(libraryOf(toolchain))].filter((name) => name !== '').join(':');
  return emulator === undefined
    ? run(file, [], {env: {LD_LIBRARY_PATH: libraries}})
    : run(emulator, [...rest, '-E', `LD_LIBRARY_PATH=${libraries}`, file]);
}

/** What each program prints. */
export const probeOutput = 'probe: all as linked\n';

/** What a program or the user of a library prints. */
export function outputOf({user}: MatrixProgram): string {
  return user === undefined ? probeOutput : 'needs-libprobe: 83, version 2\n';
}

/** The path of a program's real loader on this machine. */
export function loaderOf({toolchain, command}: MatrixProgram): string {
  const {interpreter}: Toolchain = toolchains[toolchain];
  return `${command[2] ?? ''}${interpreter}`;
}

/** The path of a toolchain's C library on this machine. */
export function libraryOf(toolchain: ToolchainName): string {
  const {command, libc}: Toolchain = toolchains[toolchain];
  const root = command[2];
  if (root !== undefined) return `${root}/lib/${libc}`;
  return `/usr/lib/x86_64-linux-${toolchain === 'musl' ? 'musl' : 'gnu'}/${libc}`;
}

/** binutils for a program's machine, as in `aarch64-linux-gnu-strip`. */
export function binutil({toolchain}: MatrixProgram, tool: string): string {
  return `${prefixes[toolchain] ?? ''}${tool}`;
}

const prefixes: Partial<Record<ToolchainName, string>> = {
  armel: 'arm-linux-gnueabi-',
  armhf: 'arm-linux-gnueabihf-',
  aarch64: 'aarch64-linux-gnu-',
  riscv64: 'riscv64-linux-gnu-',
  ppc64: 'powerpc64-linux-gnu-',
  ppc64le: 'powerpc64le-linux-gnu-',
  s390x: 's390x-linux-gnu-',
  mips64el: 'mips64el-linux-gnuabi64-',
};
