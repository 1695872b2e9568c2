/*
 * docs/api.md: it is what the docstrings say now, it leaves nothing out, and its examples compile and run as they stand.
 */
import {chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {transform} from 'esbuild';
import * as library from '../src/index.js';
import {program, projectDirectory} from './helpers/cli.js';
import {fixture} from './helpers/fixtures.js';
import {tempDirectory} from './helpers/temp.js';
import {output, run, withTools} from './helpers/tools.js';

const script = path.join(projectDirectory, 'scripts', 'api-docs.js');
const page = readFileSync(path.join(projectDirectory, 'docs', 'api.md'), 'utf8');
const declarations = [...page.matchAll(/^### (\w+)\n\n```ts\n(.*?)^```$/gms)];

test('docs/api.md is what npm run build:api writes', (t) => {
  t.is(output(process.execPath, [script, '--print']), page);
});

test('every export is on the page', (t) => {
  const described = new Set(declarations.map(([, name]) => name));
  t.deepEqual(
    Object.keys(library).filter((name) => !described.has(name)),
    [],
  );
});

test('every type that a declaration names is on the page, or is of the language', (t) => {
  const described = new Set(declarations.map(([, name]) => name));
  const ofTheLanguage = [
    'BigIntStats',
    'Stats',
    'Error',
    'Generator',
    'Omit',
    'Pick',
    'Promise',
    'Readonly',
    'ReadonlyMap',
    'ReadonlySet',
    'Record',
    'Symbol',
    'ArrayBuffer',
    'Uint8Array',
  ];
  const code = declarations.map(([, , text = '']) => text.replaceAll(/\/\*.*?\*\/|'.*?'/gs, '')).join('\n');
  const named = new Set(code.match(/\b[A-Z][a-z]\w*\b/g));
  t.deepEqual(
    [...named].filter((name) => !described.has(name) && !ofTheLanguage.includes(name)),
    [],
  );
});

test('the examples of the page compile', (t) => {
  const directory = path.join(projectDirectory, 'build', 'api-examples');
  output(process.execPath, [script, '--examples', directory]);
  const tsconfig = path.join(directory, 'tsconfig.json');
  writeFileSync(
    tsconfig,
    JSON.stringify({
      extends: '../../tsconfig.json',
      compilerOptions: {noEmit: true},
      include: ['.'],
      exclude: [],
    }),
  );
  const tsc = path.join(projectDirectory, 'node_modules', '.bin', 'tsc');
  const {status, stdout} = run(tsc, ['-p', tsconfig]);
  t.deepEqual([status, stdout], [0, '']);
});

const examples = path.join(projectDirectory, 'build', 'api-examples-to-run');
output(process.execPath, [script, '--examples', examples]);

for (const file of readdirSync(examples)) {
  test(
    `the example ${path.parse(file).name} runs`,
    withTools(async (t) => {
      t.timeout(900_000);
      const directory = prepare(t);
      // Node 20 has no `await using`; the package is found from inside the project only.
      const {code} = await transform(readFileSync(path.join(examples, file), 'utf8'), {
        loader: 'ts',
        target: 'node20',
      });
      const module = path.join(examples, file.replace(/ts$/, 'mjs'));
      writeFileSync(module, code);
      const {status, stdout, stderr} = run(process.execPath, [module], {cwd: directory, timeout: 900_000});
      // debootstrap tells what it does.
      t.deepEqual([status, stderr.replaceAll(/^I: .*\n/gm, '')], [0, '']);
      for (const [, expected = ''] of code.matchAll(/\/\/ ([^/].*)$/gm))
        t.true(stdout.includes(expected), stdout);
    }),
  );
}

/** What the page promises to its examples. */
function prepare(t: ExecutionContext): string {
  const directory = tempDirectory(t);
  const emulator = path.join(directory, 'qemu-arm');
  copyFileSync('/usr/bin/qemu-arm', emulator);
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
