/*
 * The examples of docs/api.md, each run unchanged in a directory with the files that the page promises.
 */
import {chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {transform} from 'esbuild';
import tmp from 'tmp';
import {program, projectDirectory} from './cli.js';
import {fixture} from './fixtures.js';
import {tempDirectory} from './temp.js';
import {output, pathOf, run} from './tools.js';

export const apiScript = path.join(projectDirectory, 'scripts', 'api-docs.js');

/** Write the examples, each a module, to a directory of this process below build/. */
export function writeExamples(): string {
  const directory = path.join(projectDirectory, 'build', `api-examples-${process.pid}`);
  output(process.execPath, [apiScript, '--examples', directory]);
  return directory;
}

/** The names of the examples in a directory made by `writeExamples`. */
export function exampleNames(directory: string): string[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.parse(file).name);
}

/** Run an example, which must print what its comments promise, and nothing on standard error. */
export async function runExample(t: ExecutionContext, examples: string, name: string): Promise<void> {
  t.timeout(900_000);
  const directory = prepare(t);
  // Node 20 has no `await using`; the package is found only from inside the project.
  const {code} = await transform(readFileSync(path.join(examples, `${name}.ts`), 'utf8'), {
    loader: 'ts',
    target: 'node20',
  });
  const module = path.join(examples, `${name}.mjs`);
  writeFileSync(module, code);
  const {status, stdout, stderr} = run(process.execPath, [module], {cwd: directory, timeout: 900_000});
  // Ignore debootstrap's progress messages.
  t.deepEqual([status, stderr.replaceAll(/^I: .*\n/gm, '')], [0, '']);
  for (const [, expected = ''] of code.matchAll(/\/\/ ([^/].*)$/gm))
    t.true(stdout.includes(expected), stdout);
}

let prepared: string | undefined;

/** Make a directory for one example, with the files that the page promises. */
function prepare(t: ExecutionContext): string {
  prepared ??= prepareOnce();
  const directory = tempDirectory(t);
  output('cp', ['-a', `${prepared}/.`, directory]);
  return directory;
}

function prepareOnce(): string {
  tmp.setGracefulCleanup();
  const directory = tmp.dirSync({prefix: 'elfinterp-examples-', unsafeCleanup: true}).name;
  const emulator = path.join(directory, 'qemu-arm');
  copyFileSync(pathOf('qemu-arm'), emulator);
  chmodSync(emulator, 0o755);
  for (const [chroot, name, file] of [
    ['chroot', 'hello', 'armel/hello-static'],
    ['chroot', 'sh', 'armel/hello-static'],
    ['armel-chroot', 'ls', 'armel/probe-pie'],
  ] as const) {
    mkdirSync(path.join(directory, chroot, 'bin'), {recursive: true});
    copyFileSync(fixture(file).path, path.join(directory, chroot, 'bin', name));
  }
  cpSync('/usr/arm-linux-gnueabi/lib', path.join(directory, 'armel-chroot', 'lib'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  output(process.execPath, [program, 'pack', emulator, path.join(directory, 'qemu-arm-packed')]);
  prepareAddon(directory);
  writeFileSync(path.join(directory, 'Makefile'), 'check:\n');
  return directory;
}

/** An npm package with a prebuilt binary, as a directory and as a tarball. */
function prepareAddon(directory: string): void {
  const addon = path.join(directory, 'my-addon');
  mkdirSync(addon);
  writeFileSync(path.join(addon, 'package.json'), JSON.stringify({name: 'my-addon', version: '1.0.0'}));
  copyFileSync(fixture('x86_64/libprobe.so.1').path, path.join(addon, 'addon.node'));
  const tarball = path.join(directory, 'my-addon-1.0.0.tgz');
  output('tar', ['-czf', tarball, '-C', directory, '--transform', 's/^my-addon/package/', 'my-addon']);
}
