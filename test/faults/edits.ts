/*
 * The scenarios of editing: one program, one in place, one to an output, several at once.
 */
import {strict as assert} from 'node:assert';
import {chmodSync, chownSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {
  applyPlanSync,
  type EditRequest,
  InterruptedEdits,
  openElfToEditSync,
  planEdit,
} from '../../src/index.js';
import {elfinterp, program} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {disown, leaveRecord, partly} from '../helpers/interrupted.js';
import {output} from '../helpers/tools.js';
import type {Ended, Scenario} from './walk.js';

const interpreter = '/debootstrap/qemu-libs/ld.so';
/** So long that tables have to move for it. */
const runpath = `/opt/${'x'.repeat(300)}`;
const isRoot = process.geteuid?.() === 0;
const small = fixtureBytes('x86_64/probe-pie');
/** Larger than the files that are copied in memory. */
const large = Buffer.concat([small, Buffer.alloc(300_000)]);

interface File {
  readonly name: string;
  readonly content: Buffer;
  readonly mode: number;
}

/** Make a file with every attribute that an edit could lose. */
function make(directory: string, {name, content, mode}: File): void {
  const file = path.join(directory, name);
  writeFileSync(file, content);
  if (isRoot) chownSync(file, 1, 1);
  chmodSync(file, mode);
  output('setfattr', ['-n', 'user.origin', '-v', 'kept', file]);
}

/** Check that a file is the old or the new one, and has kept its attributes. @returns whether it is the new one */
function isNew(directory: string, {name, content, mode}: File, ended: Ended, request: EditRequest): boolean {
  const file = path.join(directory, name);
  const now = readFileSync(file);
  const changed = edit(content, request);
  assert.ok(now.equals(content) || now.equals(changed), `${name} is neither old nor new`);
  // If the owner cannot be kept, the set-user-ID bit is dropped too.
  const expected = ended.stderr.includes(`${name}: the owner`) ? mode & 0o777 : mode;
  assert.equal((statSync(file).mode & 0o7777).toString(8), expected.toString(8), `the mode of ${name}`);
  const attribute = output('getfattr', ['--absolute-names', '-d', file]);
  const isSaid = /not all attributes|attributes, (ACLs|capabilities)/.test(ended.stderr);
  assert.ok(attribute.includes('kept') || isSaid, `${name} has lost its attribute, and nothing is said`);
  return now.equals(changed);
}

/** A set-user-ID file must never belong to somebody who did not make it one, not even for a moment. */
function requireHarmless(directory: string): void {
  for (const name of readdirSync(directory, {recursive: true}) as string[]) {
    const {mode, uid} = statSync(path.join(directory, name));
    assert.ok((mode & 0o6000) === 0 || uid === (isRoot ? 1 : uid), `${name} is set-user-ID of ${uid}`);
  }
}

function requireNothingLeft(directory: string, names: readonly string[], {fault, killed}: Ended): void {
  // A cleanup call that fails leaves something for the next run.
  if (killed || /^(rmdir|unlink)/.test(fault)) return;
  assert.deepEqual(readdirSync(directory).sort(), [...names].sort(), 'something is left beside it');
}

/** Require that what a run reports is true. */
function requireTruth({status, stderr, killed}: Ended, done: boolean): void {
  if (killed) return;
  assert.ok(status === 0 || status === 1, `exit status ${status}: ${stderr}`);
  assert.doesNotMatch(stderr, /internal error|^ +at /m);
  if (status === 0) {
    assert.ok(done, 'exit status 0, and the file is the old one');
    return;
  }
  assert.match(stderr, /^elfinterp: .+: .+\n$/m, 'an error without a message');
  assert.ok(!done || stderr.includes('written, but'), `the new file is in place, and yet: ${stderr}`);
}

interface Editing {
  readonly name: string;
  readonly files: readonly File[];
  /** The arguments of `elfinterp`, for a directory. */
  args(directory: string): readonly string[];
  /** The name of the only new file, if the old ones stay. */
  readonly output?: string;
  /** A process that is killed may leave some of the changed bytes unwritten. */
  readonly inPlace?: boolean;
  /** What `args` asks for. */
  readonly request?: EditRequest;
}

function editing({name, files, args, output: out, inPlace = false, ...rest}: Editing): Scenario {
  const {request = {interpreter}} = rest;
  const names = [...files.map((file) => file.name), ...(out === undefined ? [] : [out])];
  return {
    name,
    tools: ['cp'],
    // strace shows a call by descriptor with the path that it reached, or without one if it failed.
    concerns: (line, directory) => line.includes(directory) || line.includes('"/proc/self/fd/'),
    setUp(directory) {
      for (const file of files) make(directory, file);
      return [process.execPath, program, ...args(directory)];
    },
    check(directory, ended) {
      requireHarmless(directory);
      if (inPlace && ended.killed) return finishInPlace(directory, files, args(directory), request);
      const results = files.map((file) => isNew(directory, file, ended, request));
      const made = out !== undefined && existsSync(path.join(directory, out));
      if (made)
        assert.ok(
          isNew(directory, {...(files[0] as File), name: out}, ended, request),
          `${out} is not the new file`,
        );
      requireNothingLeft(directory, out === undefined || made ? names : names.slice(0, -1), ended);
      const done = out === undefined ? results.every(Boolean) : made;
      requireTruth(ended, done);
      return done ? 'new' : 'old';
    },
    runAgain(directory) {
      for (const {name: as} of files) editAgain(path.join(directory, as));
      const left = readdirSync(directory).filter((entry) => entry !== out);
      assert.deepEqual(left.sort(), files.map((file) => file.name).sort(), 'the next run leaves something');
    },
  };
}

/** Edit in this process, which is faster than in a separate one. */
function editAgain(file: string): void {
  const elf = openElfToEditSync(file, {interrupted: new InterruptedEdits()});
  const plan = planEdit(elf.view, {interpreter: '/another/ld.so'});
  assert.deepEqual(applyPlanSync(elf, plan).notes, []);
  void elf.close();
}

/** Where a kill may have left some bytes old and some new, the same command again begins with the old ones. */
function finishInPlace(
  directory: string,
  files: readonly File[],
  args: readonly string[],
  request: EditRequest,
): 'old' | 'new' {
  const isDone = files.every(({name, content}) => {
    const [now, changed] = [readFileSync(path.join(directory, name)), edit(content, request)];
    const isMixed = now.every((byte, i) => byte === content[i] || byte === changed[i]);
    assert.ok(isMixed, `${name} has bytes that are neither old nor new`);
    return now.equals(changed);
  });
  const again = elfinterp(args);
  assert.equal(again.status, 0, `the same command again fails: ${again.stderr}`);
  assert.match(
    again.stderr,
    /^(elfinterp: \/[\w/.-]+: an edit in place that was interrupted is undone first\n)*$/,
  );
  for (const {name, content} of files)
    assert.ok(
      readFileSync(path.join(directory, name)).equals(edit(content, request)),
      `${name} after a second run`,
    );
  return isDone ? 'new' : 'old';
}

const hello = {name: 'probe', content: small, mode: 0o755};
const several = [
  hello,
  {name: 'large', content: large, mode: 0o755},
  {name: 'set-user-id', content: small, mode: isRoot ? 0o4755 : 0o755},
];
const paths = (directory: string, files: readonly File[]) =>
  files.map(({name}) => path.join(directory, name));

/** The run that finds what a killed edit in place left, and undoes it before its own edit. */
const recovering: Scenario = {
  ...editing({
    name: 'edit --in-place after one that was killed',
    files: [hello],
    args: argsOfRecovering,
    request: {runpath},
  }),
  setUp(directory) {
    make(directory, hello);
    const file = path.join(directory, hello.name);
    const {plan, workspace} = leaveRecord(file, {runpath});
    disown(workspace);
    writeFileSync(file, partly(small, plan, plan.writes.length >> 1));
    return [process.execPath, program, ...argsOfRecovering(directory)];
  },
  check(directory, ended) {
    if (!ended.killed) {
      const isDone = readFileSync(path.join(directory, hello.name)).equals(edit(small, {runpath}));
      requireTruth(ended, isDone);
    }
    return finishInPlace(directory, [hello], argsOfRecovering(directory), {runpath});
  },
};

function argsOfRecovering(directory: string): string[] {
  return ['edit', '--in-place', '--runpath', runpath, path.join(directory, hello.name)];
}

export const editScenarios: readonly Scenario[] = [
  editing({
    name: 'set',
    files: [hello],
    args: (directory) => ['set', path.join(directory, 'probe'), interpreter],
  }),
  editing({
    name: 'set on a large set-user-ID program',
    files: [{...hello, content: large, mode: isRoot ? 0o4755 : 0o755}],
    args: (directory) => ['set', path.join(directory, 'probe'), interpreter],
  }),
  editing({
    name: 'set --in-place',
    files: [hello],
    args: (directory) => ['set', '--in-place', path.join(directory, 'probe'), interpreter],
    inPlace: true,
  }),
  editing({
    name: 'edit --in-place, tables that move',
    files: [hello],
    args: (directory) => ['edit', '--in-place', '--runpath', runpath, path.join(directory, 'probe')],
    inPlace: true,
    request: {runpath},
  }),
  editing({
    name: 'set --output',
    files: [hello],
    args: (directory) => [
      'set',
      path.join(directory, 'probe'),
      interpreter,
      '--output',
      path.join(directory, 'out'),
    ],
    output: 'out',
  }),
  editing({
    name: 'edit of three files',
    files: several,
    args: (directory) => ['edit', '--interpreter', interpreter, ...paths(directory, several)],
  }),
  editing({
    name: 'edit --in-place of three files',
    files: several,
    args: (directory) => ['edit', '--in-place', '--interpreter', interpreter, ...paths(directory, several)],
    inPlace: true,
  }),
  recovering,
];
