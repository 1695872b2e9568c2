/*
 * `-` is standard input, which is never written to.
 */
import {closeSync, openSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {elfinterp} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';

for (const words of [
  ['pack', '/bin/true', '-'],
  ['pack', '/bin/true', '/dev/stdin'],
  ['unpack', '/bin/true', '--into', '-'],
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
