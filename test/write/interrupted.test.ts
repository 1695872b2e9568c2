/*
 * An edit in place that was killed between two writes: the next edit in that directory writes the old bytes back first.
 */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {type EditRequest, undoInterrupted} from '../../src/index.js';
import {isWorkspace, markName} from '../../src/write/workspace-names.js';
import {contentOf, elfinterp, program} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {disown, leaveRecord, moveElsewhere, partly, recordsIn} from '../helpers/interrupted.js';
import {copyFixture, tempDirectory} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';

const request: EditRequest = {
  interpreter: `/opt/${'l'.repeat(100)}/ld.so`,
  runpath: `/opt/${'x'.repeat(3000)}`,
  addNeeded: ['libm.so.6'],
};

/** Leave what a process leaves that is killed after some of the writes, and is gone by now unless it is said to run. */
function interrupt(t: ExecutionContext, name: string, {isGone = true} = {}) {
  const file = copyFixture(t, name);
  const old = fixtureBytes(name);
  const {plan, workspace} = leaveRecord(file, request);
  const left = isGone ? disown(workspace) : workspace;
  return {file, directory: path.dirname(file), old, plan, workspace: left};
}

/** Compare what is in a directory; printed, thousands of bytes would tell nothing. */
function is(t: ExecutionContext, directory: string, expected: Readonly<Record<string, Buffer>>): void {
  const content = contentOf(directory);
  t.deepEqual(Object.keys(content), Object.keys(expected));
  for (const [name, bytes] of Object.entries(expected)) t.true(content[name]?.equals(bytes), name);
}

for (const name of ['x86_64/probe-pie', 'x86_64/probe-lld-pie', 's390x/probe-pie'])
  test(`${name}: whatever has been written, the old file comes back, and the same edit completes`, (t) => {
    const {plan} = interrupt(t, name);
    t.true(plan.writes.length > 10);
    for (let count = 0; count < plan.writes.length; count++) {
      const {file, directory, old} = interrupt(t, name);
      writeFileSync(file, partly(old, plan, count));
      t.deepEqual(undoInterrupted([file]), [file], `${count}`);
      is(t, directory, {[path.basename(file)]: old});
    }
    const {file, directory, old} = interrupt(t, name);
    writeFileSync(file, partly(old, plan, 5));
    const args = ['--interpreter', request.interpreter ?? '', '--runpath', request.runpath ?? ''];
    const {status, stderr} = elfinterp(['edit', '--in-place', ...args, '--add-needed', 'libm.so.6', file]);
    t.is(status, 0);
    t.regex(stderr, /^elfinterp: \/[\w/.-]+: an edit in place that was interrupted is undone first\n/);
    is(t, directory, {[path.basename(file)]: edit(old, request)});
  });

test('what is complete stays, and so does what another program wrote since; the record is gone then', (t) => {
  const name = 'x86_64/probe-lld-pie';
  const {plan} = interrupt(t, name);
  const done = edit(fixtureBytes(name), request);
  const other = partly(fixtureBytes(name), plan, 5);
  const {offset = 0} = plan.writes.at(-1) ?? {};
  other.writeUInt8(other.readUInt8(offset) ^ 0xff, offset);
  for (const content of [done, other, Buffer.concat([done, Buffer.of(1)]), Buffer.from('a script')]) {
    const {file, directory} = interrupt(t, name);
    writeFileSync(file, content);
    t.deepEqual(undoInterrupted([file]), []);
    is(t, directory, {[path.basename(file)]: content});
  }
  const {file, directory, old} = interrupt(t, name);
  writeFileSync(`${file}.new`, partly(old, plan, 5));
  renameSync(`${file}.new`, file);
  const inode = statSync(file).ino;
  t.deepEqual(undoInterrupted([file]), []);
  is(t, directory, {[path.basename(file)]: partly(old, plan, 5)});
  t.is(statSync(file).ino, inode);
});

test('a process that is still at work is left alone, and a dry run leaves everything', (t) => {
  const {file, workspace} = interrupt(t, 'x86_64/probe-pie', {isGone: false});
  t.deepEqual(undoInterrupted([file]), []);
  t.true(existsSync(workspace));
  const gone = interrupt(t, 'x86_64/probe-pie');
  elfinterp(['edit', '--dry-run', '--in-place', '--no-exec-stack', gone.file]);
  t.true(existsSync(gone.workspace));
});

test(
  'killed before any of its writes, edit --in-place completes when it is run again',
  withTools((t) => {
    const name = 'x86_64/probe-lld-pie';
    const args = ['edit', '--in-place', '--runpath', request.runpath ?? ''];
    const done = edit(fixtureBytes(name), {runpath: request.runpath ?? ''});
    for (const nth of [2, 5, 9, 14]) {
      const file = copyFixture(t, name);
      const kill = ['-f', '-o', '/dev/null', '-e', `inject=pwrite64:signal=KILL:when=${nth}`];
      run('strace', [...kill, process.execPath, program, ...args, file]);
      t.true(readdirSync(path.dirname(file)).length > 1);
      t.is(elfinterp([...args, file]).status, 0);
      is(t, path.dirname(file), {[path.basename(file)]: done});
    }
  }),
);

test(
  'a half-written program that is running is not edited until it ends',
  withTools(async (t) => {
    const directory = tempDirectory(t);
    const file = path.join(directory, 'sleeper');
    copyFileSync('/bin/sleep', file);
    const args = ['edit', '--in-place', '--runpath', request.runpath ?? '', file];
    const old = readFileSync(file);
    // Kill it when it has written a part of the file. The number of writes before the first one to it varies.
    for (let nth = 2; nth < 6 && readFileSync(file).equals(old); nth += 1) {
      const kill = ['-f', '-o', '/dev/null', '-e', `inject=pwrite64:signal=KILL:when=${nth}`];
      run('strace', [...kill, process.execPath, program, ...args]);
    }
    const half = readFileSync(file);
    t.false(half.equals(old));
    const child = spawn(file, ['60'], {stdio: 'ignore'});
    try {
      await once(child, 'spawn');
      for (let i = 0; i < 3; i++) t.throws(() => undoInterrupted([file]), {message: /text file busy/});
      for (const again of [args, ['edit', '--no-exec-stack', file]]) {
        const {status, stderr} = elfinterp(again);
        t.is(status, 1);
        t.regex(stderr, /an edit in place was interrupted, and cannot be undone: .*text file busy/);
        t.true(readFileSync(file).equals(half));
      }
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    t.deepEqual(undoInterrupted([file]), [file]);
    is(t, directory, {sleeper: old});
  }),
);

test('one that may still be written in another container is not edited within a minute', (t) => {
  const {file, old, plan, workspace} = interrupt(t, 'x86_64/probe-pie');
  writeFileSync(file, partly(old, plan, 5));
  const elsewhere = moveElsewhere(workspace);
  t.not(elsewhere, workspace);
  const {status, stderr} = elfinterp(['edit', '--no-exec-stack', file]);
  t.is(status, 1);
  t.regex(stderr, /another process may be writing to the file/);
  t.true(existsSync(elsewhere));
});

test('a record that is not one of ours is ignored, and goes', (t) => {
  for (const text of ['', '{', 'null', '{"name":"..","writes":[]}', '{"name":"x","inode":1,"writes":[{}]}']) {
    const {file, directory, old, plan, workspace} = interrupt(t, 'x86_64/probe-pie');
    const half = partly(old, plan, 5);
    writeFileSync(file, half);
    for (const record of recordsIn(workspace)) writeFileSync(record, text);
    t.deepEqual(undoInterrupted([file]), []);
    is(t, directory, {[path.basename(file)]: half});
  }
});

test('if the old content cannot be written back, the next run tries again', (t) => {
  const {file, directory, old, workspace} = interrupt(t, 'x86_64/probe-lld-pie');
  rmSync(workspace, {recursive: true});
  const args = ['edit', '--in-place', '--runpath', request.runpath ?? '', file];
  writeFileSync(file, old);
  const fail = ['-f', '-o', '/dev/null', '-e', 'inject=pwrite64:error=EIO:when=6+'];
  const {status, stderr} = run('strace', [...fail, process.execPath, program, ...args]);
  t.is(status, 1);
  t.regex(stderr, /the old content cannot be written back, so the file is damaged/);
  t.is(readdirSync(directory).length, 2);
  t.deepEqual(undoInterrupted([file]), [file]);
  is(t, directory, {[path.basename(file)]: old});
});

test('a workspace has two files for each of 128 that are edited', (t) => {
  const files = Array.from({length: 256}, (_, i) => String(i + 3));
  const records = Array.from({length: 128}, (_, i) => `elfinterp-undo-${i + 1}`);
  t.true(isWorkspace([markName, ...files, ...records]));
  t.false(isWorkspace([markName, '2']));
  t.false(isWorkspace([...files]));
});
