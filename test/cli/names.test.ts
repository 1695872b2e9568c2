/*
 * Names that are not UTF-8: Node reports a different name, and a file of that name may exist.
 */
import {copyFileSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {projectDirectory} from '../helpers/cli.js';
import {fixture, fixtureBytes} from '../helpers/fixtures.js';
import {tempDirectory} from '../helpers/temp.js';
import {run} from '../helpers/tools.js';

const name = 'x86_64/needs-libprobe-rpath';

for (const [program, args] of [
  ['elfinterp', ['edit', '--rpath', '/x']],
  ['elfinterp-patchelf', ['--set-rpath', '/x']],
  ['elfinterp-chrpath', ['-r', '/x']],
] as const)
  test(`${program} takes no file for another whose name is not UTF-8`, (t) => {
    const directory = tempDirectory(t);
    const other = join(directory, 'a\ufffd');
    copyFileSync(fixture(name).path, other);
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/a`), Buffer.from([0xff])]), fixtureBytes(name));
    const command = [process.execPath, join(projectDirectory, 'bin', `${program}.js`), ...args];
    const script = 'cd "$0" && name=$(printf "a\\377") && exec "$@" "$name"';
    const {status, stderr} = run('sh', ['-c', script, directory, ...command]);
    t.not(status, 0);
    t.regex(stderr, /the arguments are not valid UTF-8/);
    t.deepEqual(readFileSync(other), fixtureBytes(name));
    t.is(run(command[0] ?? '', [...command.slice(1), other]).status, 0);
    t.notDeepEqual(readFileSync(other), fixtureBytes(name));
  });

test('a list of files that is not UTF-8 is refused', (t) => {
  const list = join(tempDirectory(t), 'list');
  writeFileSync(list, Buffer.from([0x61, 0xff, 0]));
  const cli = join(projectDirectory, 'bin/elfinterp.js');
  const {status, stderr} = run(process.execPath, [cli, 'edit', '--rpath', '/x', '--files-from', list, '-0']);
  t.is(status, 1);
  t.is(stderr, `elfinterp: ${list}: the file is not valid UTF-8\n`);
});

test('chrpath takes values and what follows -- as they are', (t) => {
  const file = join(tempDirectory(t), 'file');
  copyFileSync(fixture(name).path, file);
  const chrpath = (...args: string[]) =>
    run(process.execPath, [join(projectDirectory, 'bin/elfinterp-chrpath.js'), ...args]);
  t.is(chrpath('-r', '--li', file).status, 0);
  t.is(chrpath(file).stdout, `${file}: RPATH=--li\n`);
  t.regex(chrpath('-d', '--', '--del').stderr, /^--del: /);
});
