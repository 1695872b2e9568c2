/*
 * The type tests: test/types/ is compiled against the declarations in dist/, as a user's program is against the
 * package. A compiler that never reports anything would prove nothing, so it must also find a deliberate mistake.
 */
import {cpSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {projectDirectory} from './helpers/cli.js';
import {run} from './helpers/tools.js';

const compiler = path.join(projectDirectory, 'node_modules/.bin/tsc');
const source = path.join(projectDirectory, 'test/types');

test('the type tests compile', (t) => {
  const {status, stdout} = run(compiler, ['-p', source]);
  t.is(stdout, '');
  t.is(status, 0);
});

test('a promise that is broken is found', (t) => {
  const directory = path.join(projectDirectory, 'build', 'broken-types', 'types');
  mkdirSync(directory, {recursive: true});
  t.teardown(() => rmSync(path.dirname(directory), {recursive: true}));
  cpSync(source, directory, {recursive: true});
  const file = path.join(directory, 'library.ts');
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    text.replace("planEdit(view, {interp: '/ld.so'})", "planEdit(view, {interpreter: '/ld.so'})"),
  );
  const config = {
    extends: '../../../tsconfig.json',
    compilerOptions: {noEmit: true, rootDir: '../../..', noUnusedLocals: false},
    include: ['.'],
    exclude: [],
  };
  writeFileSync(path.join(directory, 'tsconfig.json'), JSON.stringify(config));
  const {status, stdout} = run(compiler, ['-p', directory]);
  t.not(status, 0);
  t.regex(stdout, /Unused '@ts-expect-error' directive/);
});
