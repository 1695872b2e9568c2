/*
 * `-` is standard input, which is never written to.
 */
import {closeSync, copyFileSync, openSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {elfinterp} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {tempDirectory} from '../helpers/temp.js';

for (const words of [
  ['pack', '/bin/true', '-'],
  ['pack', '/bin/true', '/dev/stdin'],
  ['unpack', '/bin/true', '--into', '-'],
  ['unpack', '/bin/true', '--into=-'],
  ['bundle', '/bin/true', '--into', '-'],
  ['bundle', '/bin/true', '--relocatable', '--into', '-'],
  ['repair', '.', '--into', '-'],
])
  test(`${words.join(' ')} is refused, whether that is a file or a directory`, (t) => {
    const directory = tempDirectory(t);
    const list = path.join(directory, 'list');
    writeFileSync(list, 'important');
    for (const file of [list, directory]) {
      const stdin = openSync(file, 'r');
      const {status, stderr} = elfinterp(words, {cwd: directory, stdio: [stdin, 'pipe', 'pipe']});
      closeSync(stdin);
      t.is(status, 2);
      t.regex(stderr, /cannot be standard input \(-\); if that is its name, write \.\/-; see /);
    }
    t.is(readFileSync(list, 'utf8'), 'important');
    t.deepEqual(readdirSync(directory), ['list']);
  });

for (const words of [['-o-'], ['-no-'], ['-o=-'], ['-o', '-'], ['--output=-']])
  test(`edit ${words.join(' ')} names no file`, (t) => {
    const cwd = tempDirectory(t);
    const {status, stderr} = elfinterp(['edit', '--rpath', '/x', ...words, '/bin/true'], {cwd});
    t.deepEqual([status, readdirSync(cwd)], [2, []]);
    t.regex(stderr, /: the result of standard input goes to standard output: /);
  });

test('--files-from=- reads the list from standard input, and a value that is no path stays as it is', (t) => {
  const cwd = tempDirectory(t);
  copyFileSync(fixture('x86_64/libprobe.so.1').path, path.join(cwd, 'lib'));
  const edited = elfinterp(['edit', '--soname=-', '--files-from=-'], {cwd, input: 'lib\n'});
  t.deepEqual([edited.status, edited.stderr], [0, '']);
  t.is(elfinterp(['get', '--soname', 'lib'], {cwd}).stdout, '-\n');
});
