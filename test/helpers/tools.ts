/*
 * External programs that the tests use as independent readers and to run edited files.
 */
import {type SpawnSyncOptions, spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import type {ExecutionContext} from 'ava';
import {locateProgram} from '../../src/chroot/tools.js';
import type {Fixture} from './fixtures.js';

export interface RunResult {
  /** Exit status; null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that a test needs and that this machine lacks. */
export class MissingTool extends Error {
  override name = 'MissingTool';
  constructor(tool: string) {
    super(`${tool} is not installed; apt-get install ${debianPackageOf(tool)}`);
  }
}

/** Run a program to its end. A name without a slash is a tool: MissingTool is thrown when it is not installed. */
export function run(command: string, args: readonly string[], options: SpawnSyncOptions = {}): RunResult {
  const result = spawnSync(command, args, {
    timeout: 120_000,
    maxBuffer: 1 << 28,
    ...options,
    env: {...process.env, LC_ALL: 'C', ...options.env},
    encoding: 'utf8',
  });
  const {code} = (result.error ?? {}) as NodeJS.ErrnoException;
  if (code === 'ENOENT' && !command.includes('/')) throw new MissingTool(command);
  if (code === 'ENOENT') return {status: 127, signal: null, stdout: '', stderr: `${command}: ${code}`};
  if (result.error !== undefined) throw result.error;
  return {status: result.status, signal: result.signal, stdout: result.stdout, stderr: result.stderr};
}

/** Run a tool that must succeed; its standard output. */
export function output(command: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const {status, stdout, stderr} = run(command, args, options);
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')}: exit status ${status}: ${stderr || stdout}`);
}

/**
 * The path of a tool, from PATH first, where scripts/test.js puts shared emulators; Debian's path if it is not found.
 */
export function pathOf(tool: string): string {
  return locateProgram(tool) ?? `/usr/bin/${tool}`;
}

/** Run a program of a fixture's kind, natively or under qemu-user with the cross libc. */
export function runProgram(
  {command: [emulator, ...rest], interpreter}: Pick<Fixture, 'command' | 'interpreter'>,
  path: string,
  args: readonly string[] = [],
): RunResult {
  const root = rest[1] ?? '';
  if (interpreter !== undefined && !existsSync(`${root}${interpreter}`))
    throw new MissingTool(`${root}${interpreter}`);
  return emulator === undefined ? run(path, args) : run(emulator, [...rest, path, ...args]);
}

/**
 * Skip a test, with a message, if a tool that it calls is missing and ELFINTERP_TEST_SKIP_MISSING=1 allows it;
 * otherwise the test fails and names the Debian package.
 */
export function withTools<Args extends unknown[]>(
  implementation: (t: ExecutionContext, ...args: Args) => void | Promise<void>,
) {
  return async (t: ExecutionContext, ...args: Args): Promise<void> => {
    try {
      await implementation(t, ...args);
    } catch (error) {
      if (!(error instanceof MissingTool)) throw error;
      if (process.env.ELFINTERP_TEST_SKIP_MISSING !== '1') return t.fail(error.message);
      t.log(`skipped: ${error.message}`);
      t.pass();
    }
  };
}

const packages: Readonly<Record<string, string>> = {
  readelf: 'binutils',
  ld: 'binutils',
  'musl-gcc': 'musl-tools',
  chroot: 'coreutils',
  unshare: 'util-linux',
  getfattr: 'attr',
  setfattr: 'attr',
  getfacl: 'acl',
  setfacl: 'acl',
  getcap: 'libcap2-bin',
  setcap: 'libcap2-bin',
  strip: 'binutils',
  objcopy: 'binutils',
  'eu-readelf': 'elfutils',
  'eu-elflint': 'elfutils',
  'eu-strip': 'elfutils',
  gcc: 'gcc',
  'dpkg-architecture': 'dpkg-dev',
  groff: 'groff-base',
  mkfifo: 'coreutils',
  script: 'bsdutils',
  taskset: 'util-linux',
  '/usr/i686-linux-gnu': 'libc6-i386-cross',
  '/usr/arm-linux-gnueabi': 'libc6-armel-cross',
  '/usr/arm-linux-gnueabihf': 'libc6-armhf-cross',
  '/usr/aarch64-linux-gnu': 'libc6-arm64-cross',
  '/usr/riscv64-linux-gnu': 'libc6-riscv64-cross',
  '/usr/powerpc64-linux-gnu': 'libc6-ppc64-cross',
  '/usr/powerpc64le-linux-gnu': 'libc6-ppc64el-cross',
  '/usr/s390x-linux-gnu': 'libc6-s390x-cross',
  '/usr/mips64el-linux-gnuabi64': 'libc6-mips64el-cross',
  '/lib/ld-musl-x86_64.so.1': 'musl',
};

function debianPackageOf(tool: string): string {
  if (tool.startsWith('qemu-')) return 'qemu-user';
  const root = tool.split('/').slice(0, 3).join('/');
  return packages[tool] ?? packages[root] ?? tool;
}
