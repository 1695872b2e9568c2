/*
 * What the tests of pack share: programs to pack, an empty root to run them in.
 */
import {chmodSync, copyFileSync, mkdirSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import type {ExecutionContext} from 'ava';
import {type PackOptions, type PackResult, packProgram} from '../../src/pack/pack-program.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, type RunResult, run} from '../helpers/tools.js';

/** C sources are next to the tests, not next to the compiled tests. */
const sources = fileURLToPath(new URL('../../../test/pack/', import.meta.url));

export function sourceFile(name: string): string {
  return path.join(sources, name);
}

/** Pack a program into a directory of the test's own. */
export async function pack(
  t: ExecutionContext,
  program: string,
  options: Partial<PackOptions> = {},
): Promise<PackResult> {
  return packProgram(program, {output: path.join(tempDirectory(t), path.basename(program)), ...options});
}

/** Run a program where there is nothing else: no /lib, no /proc, no /dev. */
export function runInEmptyRoot(
  t: ExecutionContext,
  file: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  emulator: readonly string[] = [],
): RunResult {
  const root = tempDirectory(t);
  chmodSync(root, 0o755);
  for (const one of [file, ...emulator]) copyFileSync(one, path.join(root, path.basename(one)));
  const command = [...emulator, file].map((one) => `/${path.basename(one)}`);
  const unshare = ['--user', '--map-root-user', `--root=${root}`, '--wd=/'];
  return run('unshare', [...unshare, ...command, ...args], {env});
}

export interface Torture {
  readonly directory: string;
  readonly program: string;
}

/** Compile torture.cc with its library and its plugin. */
export function compileTorture(t: ExecutionContext, flags: readonly string[] = []): Torture {
  const directory = path.join(tempDirectory(t), 'lib');
  mkdirSync(directory);
  const shared = (compiler: string, source: string, name: string) =>
    output(compiler, [
      '-shared',
      '-fPIC',
      `-Wl,-soname,${name}`,
      '-o',
      path.join(directory, name),
      sourceFile(source),
    ]);
  shared('g++', 'throwing.cc', 'libthrowing.so');
  shared('gcc', 'plugin.c', 'libplugin.so');
  const program = path.join(directory, 'torture');
  output('g++', [
    '-O1',
    ...flags,
    '-o',
    program,
    sourceFile('torture.cc'),
    `-L${directory}`,
    '-lthrowing',
    '-pthread',
  ]);
  return {directory, program};
}

/** A root with a compiled program and the libraries of Debian's cross compiler. */
export function crossRoot(t: ExecutionContext, source: string, libraries: readonly string[]): string {
  const root = tempDirectory(t);
  const library = path.join(root, 'lib');
  mkdirSync(library);
  mkdirSync(path.join(root, 'bin'));
  output('aarch64-linux-gnu-gcc', ['-O1', '-o', path.join(root, 'bin/program'), source, '-lm']);
  for (const name of ['ld-linux-aarch64.so.1', ...libraries])
    copyFileSync(path.join('/usr/aarch64-linux-gnu/lib', name), path.join(library, name));
  return root;
}

/**
 * What eu-elflint prints about a packed file. Before elfutils 0.196 it knew GNU's notes and a few others, and complained
 * about each unknown owner.
 */
export const elflintFindsNothing = /^(No errors|phdr\[\d+\]: unknown object file note .* 'elfinterp' .*)\n$/;
