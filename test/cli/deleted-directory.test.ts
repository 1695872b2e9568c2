/*
 * In a working directory that was deleted, absolute paths work and a relative one names a missing file. There is never
 * a stack trace.
 */
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {projectDirectory} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {copyFixture, tempDirectory} from '../helpers/temp.js';
import {type RunResult, run} from '../helpers/tools.js';

const name = 'x86_64/probe-pie';
const {path: file} = fixture(name);
const interpreter = '/lib64/ld-linux-x86-64.so.2\n';

/** Run one of the programs in a deleted directory; COPY is a file to be changed, NEW a directory to be made. */
function runInDeleted(t: ExecutionContext, program: string, ...words: readonly string[]): RunResult {
  const directory = path.join(tempDirectory(t), 'gone');
  const script = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"';
  const places: Record<string, () => string> = {
    COPY: () => copyFixture(t, name),
    NEW: () => path.join(tempDirectory(t), 'new'),
  };
  const args = words.map((word) => places[word]?.() ?? word);
  const command = [process.execPath, path.join(projectDirectory, 'bin', `${program}.js`), ...args];
  return run('sh', ['-c', script, 'sh', directory, ...command]);
}

for (const [shown, program, ...words] of [
  [/ld-linux/, 'elfinterp', 'get', file],
  [/"interpreter"/, 'elfinterp', 'get', '--json', file],
  [/^Print the interpreter/, 'elfinterp', 'get', '--help'],
  [/libc\.so\.6/, 'elfinterp', 'needed', '-r', path.dirname(file)],
  [/libc\.so\.6/, 'elfinterp', 'tree', file],
  [/libc\.so\.6/, 'elfinterp', 'tree', '--root', '/', file],
  [/PIE program/, 'elfinterp', 'show', file],
  [/^$/, 'elfinterp', 'set', 'COPY', '/opt/ld.so'],
  [/^$/, 'elfinterp', 'edit', '--rpath', '/opt/lib', 'COPY'],
  [/ld\.so/, 'elfinterp', 'bundle', '/bin/true', '--into', 'NEW'],
  [/ld-linux/, 'elfinterp-patchelf', '--print-interpreter', file],
  [/^$/, 'elfinterp-patchelf', '--set-rpath', '/opt/lib', 'COPY'],
  [/^Usage/, 'elfinterp-chrpath', '--help'],
] as const)
  test(`works: ${[program, ...words].map((word) => path.basename(word)).join(' ')}`, (t) => {
    const {status, stdout, stderr} = runInDeleted(t, program, ...words);
    t.is(stderr, '');
    t.is(status, 0);
    t.regex(stdout, shown);
  });

test('the programs that edit did', (t) => {
  const copy = copyFixture(t, name);
  t.is(runInDeleted(t, 'elfinterp', 'edit', '--rpath', '/opt/lib', copy).status, 0);
  t.is(runInDeleted(t, 'elfinterp-chrpath', '-r', '/opt/other', copy).status, 0);
  t.is(runInDeleted(t, 'elfinterp-patchelf', '--print-rpath', copy).stdout, '/opt/other\n');
  t.is(runInDeleted(t, 'elfinterp', 'get', copy).stdout, interpreter);
});

for (const [program, ...words] of [
  ['elfinterp', 'get', 'file'],
  ['elfinterp', 'get', '--json', 'file'],
  ['elfinterp', 'set', 'file', '/opt/ld.so'],
  ['elfinterp', 'tree', 'file'],
  ['elfinterp', 'tree', '--root', '.', '/bin/true'],
  ['elfinterp', 'bundle', '/bin/true', '--into', 'here'],
  ['elfinterp', 'bundle', 'program', '--into', 'NEW'],
  ['elfinterp', 'chroot', 'run', 'here'],
  ['elfinterp', 'chroot', 'create', 'bookworm', 'here', '--arch', 'armhf'],
  ['elfinterp', 'doctor', 'here'],
  ['elfinterp-patchelf', '--print-rpath', 'file'],
  ['elfinterp-chrpath', 'file'],
] as const)
  test(`one line says what is wrong: ${program} ${words.join(' ')}`, (t) => {
    const {status, stderr} = runInDeleted(t, program, ...words);
    t.is(status, 1);
    t.regex(stderr, /^[^\n]*(no such file or directory|the working directory was deleted)[^\n]*\n$/i);
  });
