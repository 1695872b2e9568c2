/*
 * docs/api.md matches the current docstrings, leaves nothing out, and its examples compile and run unchanged.
 */
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import * as library from '../src/index.js';
import {apiScript, exampleNames, runExample, writeExamples} from './helpers/api-examples.js';
import {projectDirectory} from './helpers/cli.js';
import {output, run, withTools} from './helpers/tools.js';

const page = readFileSync(path.join(projectDirectory, 'docs', 'api.md'), 'utf8');
const declarations = [...page.matchAll(/^### (\w+)\n\n```ts\n(.*?)^```$/gms)];

test('docs/api.md is what npm run build:api writes', (t) => {
  t.is(output(process.execPath, [apiScript, '--print']), page);
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
    'AbortSignal',
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
  output(process.execPath, [apiScript, '--examples', directory]);
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

const examples = writeExamples();
/** It makes a Debian system, which takes minutes: test/chroot/create-example.test.ts runs it. */
const longest = 'createChroot-0';

for (const name of exampleNames(examples).filter((one) => one !== longest)) {
  test(
    `the example ${name} runs`,
    withTools((t) => runExample(t, examples, name)),
  );
}
