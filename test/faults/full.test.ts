/*
 * No room: a small file system that fills up, and a limit on the size of files. Finished edits stay; files that could
 * not be edited are unchanged, and reported.
 */
import {mkdirSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {contentOf, program} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {fixture, fixtureBytes} from '../helpers/fixtures.js';
import {copyFixture, tempDirectory} from '../helpers/temp.js';
import {type RunResult, run, withTools} from '../helpers/tools.js';

const name = 'x86_64/probe-pie';
const old = fixtureBytes(name);
const interpreter = '/debootstrap/qemu-libs/ld.so';
const isRoot = process.geteuid?.() === 0;

/** Run a script with a tmpfs of this many KiB on `$0`; what it leaves there goes to `$0.out`. */
function onSmallDisk(directory: string, kilobytes: number, script: string): RunResult {
  const mount = `mount -t tmpfs -o size=${kilobytes}k none "$0" || exit 99; cd "$0"`;
  const words = [directory, fixture(name).path, process.execPath, program];
  mkdirSync(`${directory}.out`);
  return run('unshare', [
    '--mount',
    ...(isRoot ? [] : ['--map-root-user']),
    'sh',
    '-c',
    `${mount}; ${script}; echo "status $?"; cp -a "$0/." "$0.out"`,
    ...words,
  ]);
}

test(
  'of many files on a disk that fills up some are done, the others are as they were',
  withTools((t) => {
    const directory = path.join(tempDirectory(t), 'disk');
    mkdirSync(directory);
    const names = ['a', 'b', 'c', 'd'];
    const {stdout, stderr} = onSmallDisk(
      directory,
      120,
      `for f in ${names.join(' ')}; do cp "$1" $f; done; "$2" "$3" edit --interpreter ${interpreter} ${names.join(' ')}`,
    );
    const left = contentOf(`${directory}.out`);
    t.deepEqual(Object.keys(left), names);
    const done = names.filter((one) => left[one]?.equals(edit(old, {interpreter})));
    const kept = names.filter((one) => left[one]?.equals(old));
    t.deepEqual([...done, ...kept], names);
    t.true(done.length > 0 && kept.length > 0);
    t.is(
      stderr,
      kept
        .map((one) => `elfinterp: ${one}: cannot write a new file next to it: no space left on device\n`)
        .join(''),
    );
    t.is(stdout, 'status 1\n');
  }),
);

test(
  'in place, a file that cannot grow is as it was',
  withTools((t) => {
    const directory = path.join(tempDirectory(t), 'disk');
    mkdirSync(directory);
    const longPath = `/${'p'.repeat(4000)}`;
    const {stdout, stderr} = onSmallDisk(
      directory,
      24,
      `cp "$1" program; head -c 100000 /dev/zero > filler; "$2" "$3" edit --in-place --runpath ${longPath} program`,
    );
    t.regex(stderr, /elfinterp: program: cannot write: no space left on device\n$/);
    t.is(stdout, 'status 1\n');
    t.deepEqual(contentOf(`${directory}.out`).program, old);
  }),
);

for (const way of ['', '--in-place'])
  test(
    `ulimit -f: a file past the limit is an error ${way}`,
    withTools((t) => {
      const file = copyFixture(t, name);
      const runpath = `/${'p'.repeat(4000)}`;
      const script = `ulimit -f 8; "$0" "$1" edit ${way} --runpath ${runpath} "$2"`;
      const {status, stderr} = run('bash', ['-c', script, process.execPath, program, file]);
      t.regex(stderr, /cannot write.*: file too large\n$/);
      t.is(status, 1);
      t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': old});
    }),
  );
