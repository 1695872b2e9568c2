/*
 * The programs of test-binaries/matrix.sh: every linker and layout for every machine. They are built once for each
 * test file; ELFINTERP_MATRIX names a directory in which they are kept from one run to the next.
 */
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import tmp from 'tmp';
import {toolchains} from './fixtures.js';
import {output, run} from './tools.js';

const script = fileURLToPath(new URL('../../../test-binaries/matrix.sh', import.meta.url));
/** Build the programs of some toolchains, of all by default. */
export function buildMatrix(only = []) {
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
function temporary() {
  tmp.setGracefulCleanup();
  return tmp.dirSync({prefix: 'elfinterp-matrix-', unsafeCleanup: true}).name;
}
function parseLine(line) {
  const [name = '', file = '', toolchain = '', linker = '', options = '', command = ''] = line.split('\t');
  return {
    name,
    path: file,
    toolchain: toolchain,
    linker,
    options,
    command: command.split(' ').filter((word) => word !== ''),
  };
}
/** Run a program, or an edited copy of it, the way its machine wants. */
export function runMatrixProgram({command: [emulator, ...rest]}, file) {
  return emulator === undefined ? run(file, []) : run(emulator, [...rest, file]);
}
/** What each of them prints. */
export const probeOutput = 'probe: all as linked\n';
/** The real loader of a program, where this machine has it. */
export function loaderOf({toolchain, command}) {
  const {interpreter} = toolchains[toolchain];
  return `${command[2] ?? ''}${interpreter}`;
}
/** binutils for a program's machine, as in `aarch64-linux-gnu-strip`. */
export function binutil({toolchain}, tool) {
  return `${prefixes[toolchain] ?? ''}${tool}`;
}
const prefixes = {
  armel: 'arm-linux-gnueabi-',
  armhf: 'arm-linux-gnueabihf-',
  aarch64: 'aarch64-linux-gnu-',
  riscv64: 'riscv64-linux-gnu-',
  ppc64: 'powerpc64-linux-gnu-',
  ppc64le: 'powerpc64le-linux-gnu-',
  s390x: 's390x-linux-gnu-',
  mips64el: 'mips64el-linux-gnuabi64-',
};
//# sourceMappingURL=matrix.js.map
