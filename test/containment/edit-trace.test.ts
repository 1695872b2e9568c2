/*
 * Which paths an edit looks up, from strace's log: each name on the way to the file once, relative to the directory
 * before it, and from then on only names in open directories.
 */
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {projectDirectory} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {strace} from '../helpers/strace.js';
import {tempDirectory} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';
import {readPaths} from './trace.js';

const words: Readonly<Record<string, (file: string) => readonly string[]>> = {
  'elfinterp set': (file) => ['set', file, '/debootstrap/qemu-libs/ld.so'],
  'elfinterp edit': (file) => ['edit', '--rpath', '/opt/lib', file],
  'elfinterp edit --in-place': (file) => ['edit', '--in-place', '--rpath', '/opt/lib', file],
  'elfinterp set --output': (file) => ['set', file, '/ld.so', '--output', join(dirname(file), 'output')],
  'elfinterp-patchelf': (file) => ['--set-rpath', '/opt/lib', file],
  'elfinterp-chrpath': (file) => ['-r', '/x', file],
};

/** A name in an open directory, or that directory itself. */
const held = /^\/proc\/self\/fd\/\d+(\/[^/]+)?$/;

for (const [command, args] of Object.entries(words))
  for (const size of ['small', 'large'])
    for (const isRelative of [false, true])
      test(
        `${command}: no path is looked up twice, ${size}, ${isRelative ? 'relative' : 'absolute'}`,
        withTools((t) => {
          const file = makeProgram(t, size === 'large');
          const before = readFileSync(file);
          const home = dirname(file);
          const program = join(projectDirectory, 'bin', `${command.split(' ')[0]}.js`);
          const said = trace(t, program, args(isRelative ? basename(file) : file), home);
          const isChanged = !readFileSync(command.endsWith('output') ? join(home, 'output') : file).equals(
            before,
          );
          t.true(isChanged);
          t.deepEqual(
            said
              .filter(({path}) => path.startsWith(dirname(home)) || !path.startsWith('/'))
              .map(({line}) => line),
            isRelative ? said.filter(({path}) => path === '.').map(({line}) => line) : [],
            'a path was looked up as such',
          );
          const opened = said
            .filter(({call, path}) => call.startsWith('open') && held.test(path))
            .map(({path}) => path.split('/')[5])
            // Names of a workspace are numbers.
            .filter((name) => name !== undefined && !/^(\.\.?|\d+)$/.test(name));
          // A second path that is given is followed as well.
          const most = command.endsWith('output') ? 2 : 1;
          for (const name of opened)
            t.true(
              opened.filter((other) => other === name).length <= most,
              `opened by name: ${opened.join(' ')}`,
            );
          t.is(opened.filter((name) => name === 'prog').length, 1);
          const moves = said.filter(({call}) => /^(rename|unlink|rmdir|mkdir|link)/.test(call));
          t.true(moves.length > 2, 'strace sees what is done');
          t.deepEqual(
            moves.filter(({path}) => !held.test(path)).map(({line}) => line),
            [],
          );
        }),
      );

function makeProgram(t: ExecutionContext, isLarge: boolean): string {
  const home = join(tempDirectory(t), 'home');
  mkdirSync(home);
  const file = join(home, 'prog');
  const content = edit(fixtureBytes('x86_64/probe-pie'), {rpath: '/a/long/path'});
  writeFileSync(file, isLarge ? Buffer.concat([content, Buffer.alloc(300_000)]) : content);
  return file;
}

function trace(t: ExecutionContext, program: string, args: readonly string[], cwd: string) {
  const log = join(tempDirectory(t), 'log');
  const options = ['-f', '-s', '4096', '-o', log, '-e', 'trace=%file'];
  const env = {NODE_DISABLE_COMPILE_CACHE: '1'};
  const [command, ...words] = strace(...options, process.execPath, program, ...args);
  const {status, stderr} = run(command, words, {cwd, env});
  t.is(status, 0, stderr);
  const all = readPaths(log);
  // Before it opens the script, Node looks up itself and its own files.
  const start = all.findLastIndex(({path}) => path.startsWith(projectDirectory));
  return all.slice(start + 1);
}
