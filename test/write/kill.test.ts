/*
 * kill -9 at every step. strace kills `set` at the entry of one system call after another, for each that touches the
 * file system from the moment that the program is opened, until `set` comes through; each time the file must be the
 * old or the new one, and the next run must clean up.
 */
import {chmodSync, chownSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {elfinterp, program} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {copyFixture, tempDirectory} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';

const name = 'x86_64/probe-pie';
const interpreter = '/debootstrap/qemu-libs/ld.so';
const old = fixtureBytes(name);
const edited = edit(old, {interpreter});
const isRoot = process.geteuid?.() === 0;

/** What changes a file or a directory, or is a step between such changes. */
const calls = [
  'openat',
  'ftruncate',
  'ioctl',
  'copy_file_range',
  'sendfile',
  'write',
  'pwrite64',
  'fchmod',
  'chmod',
  'fchown',
  'chown',
  'fsync',
  'fdatasync',
  'rename',
  'renameat',
  'renameat2',
  'unlink',
  'unlinkat',
  'link',
  'close',
];

interface Step {
  readonly call: string;
  /** Which of the calls of that name, from 1. */
  readonly nth: number;
  readonly line: string;
}

/** The steps of an undisturbed run, from the first that mentions the directory on. */
function listSteps(t: ExecutionContext, file: string): Step[] {
  const log = path.join(tempDirectory(t), 'log');
  const {status, stderr} = trace(['-o', log, '-e', `trace=${calls.join(',')}`], file);
  t.is(status, 0, stderr);
  const seen = new Map<string, number>();
  const steps = readFileSync(log, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const call = /^(\w+)\(/.exec(line)?.[1];
      if (call === undefined) return [];
      const nth = (seen.get(call) ?? 0) + 1;
      seen.set(call, nth);
      return [{call, nth, line}];
    });
  return steps.slice(steps.findIndex(({line}) => line.includes(file)));
}

/** Without -f strace follows the main thread alone, which makes every one of these calls; its numbers are the same each time. */
function trace(options: readonly string[], file: string) {
  return run('strace', [...options, process.execPath, program, 'set', file, interpreter]);
}

for (const [title, mode, owner] of [
  ['a program', 0o755, 0],
  ['a set-user-ID program of another user', 0o4755, 1],
] as const) {
  if (owner !== 0 && !isRoot) continue;
  test(
    `kill -9 at any step leaves the old or the new file, and the next run cleans up: ${title}`,
    withTools((t) => {
      const file = copyFixture(t, name);
      const directory = path.dirname(file);
      const reset = () => {
        writeFileSync(file, old);
        if (isRoot) chownSync(file, owner, owner);
        chmodSync(file, mode);
      };
      reset();
      const steps = listSteps(t, file);
      for (const call of ['pwrite64', 'fsync', 'rename'])
        t.true(
          steps.some((step) => step.call === call),
          call,
        );
      let [oldOnes, newOnes, killed] = [0, 0, 0];
      for (const {call, nth, line} of steps) {
        reset();
        const {signal, status} = trace(
          ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${nth}`],
          file,
        );
        if (signal === 'SIGKILL' || status === 137) killed += 1;
        const content = readFileSync(file);
        if (content.equals(old)) oldOnes += 1;
        else if (content.equals(edited)) newOnes += 1;
        else t.fail(`neither old nor new after a kill at ${line}`);
        t.is(statSync(file).mode & 0o7777, mode, line);
        for (const left of readdirSync(directory))
          requireHarmless(t, path.join(directory, left), owner, line);
        const next = elfinterp(['set', file, '/another/ld.so']);
        t.is(next.stderr, '', line);
        t.deepEqual(readdirSync(directory), ['probe-pie'], line);
      }
      t.log(`${steps.length} steps, ${killed} killed: ${oldOnes} left the old file, ${newOnes} the new one`);
      t.is(oldOnes + newOnes, steps.length);
      t.true(killed >= steps.length - 2, 'hardly one came through');
      t.true(oldOnes > 5 && newOnes > 0);
    }),
  );
}

/** A set-user-ID file must never belong to somebody who did not make it one, not even for a moment. */
function requireHarmless(t: ExecutionContext, file: string, owner: number, line: string): void {
  const {mode, uid} = statSync(file);
  t.true(
    (mode & 0o6000) === 0 || uid === (isRoot ? owner : uid),
    `${file}: ${mode.toString(8)} of ${uid} at ${line}`,
  );
}
