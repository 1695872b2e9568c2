/*
 * A file that an edit in place left half written, or may have: nothing edits it until it is whole, and nothing but the
 * record of that edit is ever written back into it.
 */
import type {BigIntStats, Stats} from 'node:fs';
import fs, {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {
  applyPlanSync,
  type EditRequest,
  ElfError,
  InterruptedEdits,
  openElfSync,
  openElfToEditSync,
  planEdit,
  undoInterrupted,
} from '../../src/index.js';
import {identifyMark} from '../../src/write/mark.js';
import {ownIdentity} from '../../src/write/process-identity.js';
import {elfinterp, elfinterpAsNobody, projectDirectory} from '../helpers/cli.js';
import {edit, planFor} from '../helpers/edits.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {disown, leaveRecord, moveElsewhere, partly, recordsIn, workspacesIn} from '../helpers/interrupted.js';
import {withPatchedFs} from '../helpers/patched-fs.js';
import {tempDirectory} from '../helpers/temp.js';
import {run} from '../helpers/tools.js';

const request: EditRequest = {runpath: `/opt/${'x'.repeat(3000)}`, execStack: false};
const old = fixtureBytes('x86_64/probe-lld-pie');
const nobody = 65_534;
const isRoot = process.geteuid?.() === 0;

/** Two programs in a directory, and a record of an edit of one of them, which is half written. */
function halfWritten(t: ExecutionContext, {isGone = true} = {}) {
  const base = tempDirectory(t);
  chmodSync(base, 0o755);
  const directory = path.join(base, 'd');
  mkdirSync(directory);
  const [file, other] = [path.join(directory, 'prog'), path.join(directory, 'other')];
  for (const one of [file, other]) writeFileSync(one, old, {mode: 0o755});
  const {plan, workspace} = leaveRecord(file, request);
  // Most of it, so that it can be read.
  const half = partly(old, plan, plan.writes.length - 1);
  writeFileSync(file, half);
  return {base, directory, file, other, plan, half, workspace: isGone ? disown(workspace) : workspace};
}

/** Change what a record says. Only its own user can do that, in the very workspace. */
function rewrite(workspace: string, change: (record: Record<string, unknown>) => object = () => ({})): void {
  const mark = identifyMark(lstatSync(path.join(workspace, 'elfinterp-workspace'), {bigint: true}));
  for (const record of recordsIn(workspace)) {
    const content = {...JSON.parse(readFileSync(record, 'utf8')), mark};
    writeFileSync(record, JSON.stringify({...content, ...change(content)}));
  }
}

/** Give everything to an ordinary user, if that is not who runs the test. */
function giveToNobody(directory: string, workspace: string): void {
  if (!isRoot) return;
  const inside = readdirSync(directory, {recursive: true, encoding: 'utf8'});
  for (const name of ['.', ...inside]) chownSync(path.join(directory, name), nobody, nobody);
  rewrite(workspace);
}

/** Undo, and collect what is said of what is not undone. */
function undoAndListen(file: string): {restored: string[]; ignored: string[]} {
  const ignored: string[] = [];
  const restored = undoInterrupted([file], {}, (_, why) => ignored.push(why));
  return {restored, ignored};
}

const is = (t: ExecutionContext, file: string, expected: Buffer) =>
  t.true(readFileSync(file).equals(expected), file);

/** Open a file to edit it, which comes first in every edit. */
function open(file: string, interrupted?: InterruptedEdits): void {
  void openElfToEditSync(file, {interrupted}).close();
}

const failWith = (code: string): never => {
  throw Object.assign(new Error(code), {code, syscall: 'injected'});
};

test('a directory that has become read-only does not keep a file from being restored', (t) => {
  const {directory, file, workspace} = halfWritten(t);
  giveToNobody(directory, workspace);
  chmodSync(directory, 0o555);
  const {status, stderr} = elfinterpAsNobody(['edit', '--in-place', '--exec-stack', file]);
  t.is(status, 0, stderr);
  t.regex(stderr, /is undone first/);
  is(t, file, edit(old, {execStack: true}));
  t.deepEqual(recordsIn(workspace), []);
});

test('in a directory that cannot be listed, nothing is edited', (t) => {
  const {directory, file, half, workspace} = halfWritten(t);
  giveToNobody(directory, workspace);
  chmodSync(directory, 0o311);
  const {status, stderr} = elfinterpAsNobody(['edit', '--in-place', '--exec-stack', file]);
  t.is(status, 1);
  t.regex(stderr, /cannot look for interrupted edits in place/);
  is(t, file, half);
  chmodSync(directory, 0o755);
  t.is(elfinterpAsNobody(['edit', '--exec-stack', file]).status, 0);
});

test('the record of a file that cannot be read stays until it can', (t) => {
  const {directory, file, other, half, workspace} = halfWritten(t);
  giveToNobody(directory, workspace);
  chmodSync(file, 0o311);
  t.like(elfinterpAsNobody(['edit', '--exec-stack', other]), {status: 0, stderr: ''});
  t.is(recordsIn(workspace).length, 1);
  is(t, file, half);
  chmodSync(file, 0o755);
  t.regex(elfinterpAsNobody(['edit', '--no-exec-stack', other]).stderr, /prog: .* is undone first/);
  is(t, file, old);
});

/** A call that fails once; whether it is known by then which file is concerned, and whether that is whole. */
type Fault = [
  call: string,
  isIt: (path: string, nth: number) => boolean,
  isKnown: boolean,
  isWhole?: boolean,
];

const faults: Readonly<Record<string, Fault>> = {
  'listing the directory': ['readdirSync', (_, nth) => nth === 1, false],
  'listing the workspace': ['readdirSync', (_, nth) => nth === 2, false],
  'opening the workspace': ['openSync', (at) => at.includes('/.elfinterp-edit-'), false],
  'looking at its mark': ['lstatSync', (at) => at.endsWith('/elfinterp-workspace'), false],
  'opening the record': ['openSync', (at) => at.includes('/elfinterp-undo-'), false],
  'claiming the record': ['renameSync', (_, nth) => nth === 1, true],
  'opening the file': ['openSync', (at) => at.endsWith('/prog'), true],
  'syncing the file': ['fsyncSync', (_, nth) => nth === 2, true, true],
  'removing the record': ['unlinkSync', (_, nth) => nth === 1, true, true],
};

for (const [what, [call, isIt, isKnown, isWhole = false]] of Object.entries(faults))
  for (const code of ['EIO', 'EACCES', 'EMFILE'])
    test(`${what} fails with ${code}: the file is not edited, and the next run tries again`, (t) => {
      const {file, other, workspace} = halfWritten(t);
      let [nth, hits] = [0, 0];
      const patch = (original: typeof fs) => ({
        [call]: (...args: never[]) => {
          nth += 1;
          if (hits === 0 && isIt(String(args[0]), nth)) {
            hits += 1;
            failWith(code);
          }
          return (original[call as keyof typeof fs] as (...args: never[]) => unknown)(...args);
        },
      });
      const interrupted = new InterruptedEdits();
      withPatchedFs(patch, () => t.throws(() => open(file, interrupted), {instanceOf: ElfError}));
      t.is(hits, 1);
      t.is(recordsIn(workspace).length, 1);
      const again = () => open(other, interrupted);
      if (isKnown) t.notThrows(again);
      else t.throws(again, {message: /cannot look for interrupted edits in place/});
      const {restored, ignored} = undoAndListen(other);
      // In two cases, the old content is there, but the record counts until it is gone.
      t.deepEqual([restored, ignored], [isWhole ? [] : [file], []]);
      is(t, file, old);
      t.false(existsSync(workspace));
    });

test('a file that a running process may be writing to is not edited', (t) => {
  const {file, other, half, workspace} = halfWritten(t, {isGone: false});
  for (const args of [['--exec-stack'], ['--in-place', '--exec-stack']]) {
    const {status, stderr} = elfinterp(['edit', ...args, file]);
    t.is(status, 1);
    t.regex(stderr, /another process may be writing to the file/);
  }
  is(t, file, half);
  t.is(elfinterp(['edit', '--exec-stack', other]).status, 0);
  t.true(existsSync(workspace));
});

test('of two processes that find a record, the second one waits for the first', (t) => {
  const {file, half, workspace} = halfWritten(t);
  const patch = ({renameSync: rename}: typeof fs) => ({
    // The other one has claimed it a moment before.
    renameSync(from: string, to: string) {
      rename(from, to);
      return failWith('ENOENT');
    },
  });
  withPatchedFs(patch, () => t.throws(() => open(file, new InterruptedEdits()), {code: 'BUSY'}));
  is(t, file, half);
  // And it may have finished.
  const finish = ({unlinkSync: unlink}: typeof fs) => ({
    renameSync(from: string) {
      unlink(from);
      return failWith('ENOENT');
    },
  });
  const gone = halfWritten(t);
  withPatchedFs(finish, () => t.deepEqual(undoInterrupted([gone.file]), []));
  t.false(existsSync(gone.workspace));
  t.is(recordsIn(workspace).length, 1);
});

test('who is writing is not read from a name that the owner of the directory can change', (t) => {
  const {file, half, workspace} = halfWritten(t, {isGone: false});
  const renamed = workspace.replace(/-\d+-\d+-/, '-1-1-');
  renameSync(workspace, renamed);
  t.throws(() => undoInterrupted([file]), {code: 'BUSY'});
  is(t, file, half);
  t.is(recordsIn(renamed).length, 1);
});

test('a process elsewhere is not waited for if the clock has been set back since', (t) => {
  const {file, workspace} = halfWritten(t);
  moveElsewhere(workspace);
  t.throws(() => undoInterrupted([file]), {code: 'BUSY'});
  let clock = -1;
  const anHourBefore = ({openSync, fstatSync}: typeof fs) => ({
    openSync(...args: Parameters<typeof openSync>) {
      const fd = openSync(...args);
      if (String(args[0]).endsWith('elfinterp-now')) clock = fd;
      return fd;
    },
    fstatSync(...args: Parameters<typeof fstatSync>) {
      const stats = fstatSync(...args);
      if (args[0] !== clock) return stats;
      clock = -1;
      return Object.assign(stats, {ctimeMs: Number(stats.ctimeMs) - 3_600_000});
    },
  });
  t.deepEqual(
    withPatchedFs(anHourBefore, () => undoInterrupted([file])),
    [file],
  );
});

test('a record stays one when its workspace gets an owner anew', (t) => {
  const {file, workspace} = halfWritten(t);
  const mark = path.join(workspace, 'elfinterp-workspace');
  const {uid, gid, ctimeNs} = lstatSync(mark, {bigint: true});
  chownSync(mark, Number(uid), Number(gid));
  t.true(lstatSync(mark, {bigint: true}).ctimeNs > ctimeNs);
  t.deepEqual(undoInterrupted([file]), [file]);
});

test('a workspace that is removed while it is looked at is not in the way', (t) => {
  const directory = tempDirectory(t);
  const file = path.join(directory, 'prog');
  writeFileSync(file, fixtureBytes('x86_64/probe-pie'));
  const workspace = path.join(directory, `.elfinterp-edit-${ownIdentity()}-abcdef`);
  mkdirSync(workspace, {mode: 0o700});
  let listed = 0;
  const removing = ({readdirSync, rmSync}: typeof fs) => ({
    readdirSync(...args: [string]) {
      if (++listed !== 2) return readdirSync(...args);
      rmSync(workspace, {recursive: true});
      throw Object.assign(new Error('ESTALE: stale file handle'), {code: 'ESTALE'});
    },
  });
  t.deepEqual(
    withPatchedFs(removing, () => undoInterrupted([file])),
    [],
  );
  t.is(listed, 2);
});

test('a copy of a workspace is not believed', (t) => {
  const {directory, file, half, workspace} = halfWritten(t);
  const copy = `${workspace.slice(0, -6)}abcdef`;
  cpSync(workspace, copy, {recursive: true, preserveTimestamps: true});
  chmodSync(copy, 0o700);
  rmSync(workspace, {recursive: true});
  t.deepEqual(undoAndListen(file), {
    restored: [],
    ignored: ['its record was written in another directory'],
  });
  is(t, file, half);
  t.deepEqual(readdirSync(directory), [path.basename(copy), 'other', 'prog']);
});

test('a file that nothing has written to since the workspace was made is not half written', (t) => {
  const {file, half, workspace} = halfWritten(t);
  const mark = path.join(workspace, 'elfinterp-workspace');
  const changedAt = (one: string) => lstatSync(one, {bigint: true}).ctimeNs;
  do {
    rmSync(mark);
    writeFileSync(mark, '', {mode: 0o600});
  } while (changedAt(mark) <= changedAt(file));
  rewrite(workspace);
  t.deepEqual(undoAndListen(file), {restored: [], ignored: ['the file has changed since']});
  is(t, file, half);
});

test('a record with numbers that cannot be true is ignored', (t) => {
  type Piece = {offset: number; before: string; bytes: string};
  for (const change of [
    () => ({inputSize: 2 ** 53}),
    () => ({inputSize: 2 ** 50, outputSize: 2 ** 50}),
    () => ({inputSize: 0}),
    () => ({inputSize: -1}),
    () => ({outputSize: 1}),
    ({writes}: {writes?: Piece[]}) => ({writes: writes?.map((one) => ({...one, offset: 2 ** 40}))}),
    ({writes}: {writes?: Piece[]}) => ({writes: writes?.map((one) => ({...one, before: ''}))}),
    ({writes}: {writes?: Piece[]}) => ({
      writes: writes?.map((one) => ({...one, before: `${one.before}AAAA`})),
    }),
  ]) {
    const {file, half, workspace} = halfWritten(t);
    rewrite(workspace, change);
    t.deepEqual(undoInterrupted([file]), [], `${change}`);
    is(t, file, half);
    t.false(existsSync(workspace));
  }
});

test('inode numbers above 2^53 are compared exactly', (t) => {
  const patch = ({lstatSync: lstat, fstatSync: fstat}: typeof fs) => {
    const enlarge = <T extends Stats | BigIntStats | undefined>(stats: T): T => {
      if (typeof stats?.ino === 'bigint') stats.ino += 2n ** 63n;
      else if (stats !== undefined) stats.ino = Number(stats.ino) + 2 ** 63;
      return stats;
    };
    return {
      lstatSync: (...args: Parameters<typeof lstat>) => enlarge(lstat(...args)),
      fstatSync: (fd: number, options?: {bigint: boolean}) => enlarge(fstat(fd, options)),
    };
  };
  withPatchedFs(patch, () => {
    const {file} = halfWritten(t);
    t.deepEqual(undoInterrupted([file]), [file]);
    is(t, file, old);
  });
});

/** Set when files were last written, in seconds before now. */
function age(seconds: number, ...files: readonly string[]): void {
  const time = Date.now() / 1000 - seconds;
  for (const one of files) utimesSync(one, time, time);
}

test('what has been written to the file long after the record was made stays', (t) => {
  const {file, half, workspace} = halfWritten(t);
  age(600, ...recordsIn(workspace));
  t.deepEqual(undoAndListen(file), {restored: [], ignored: ['the file has changed since']});
  is(t, file, half);
  t.false(existsSync(workspace));
  const again = halfWritten(t);
  age(600, ...recordsIn(again.workspace));
  t.regex(
    elfinterp(['edit', '--exec-stack', again.other]).stderr,
    /prog: an edit in place that was interrupted is not undone: the file has changed since/,
  );
});

test('a file is restored days later, even if restoring it is interrupted too', (t) => {
  const {file, workspace} = halfWritten(t);
  age(864_000, file, ...recordsIn(workspace));
  let count = 0;
  const patch = ({writeSync: write}: typeof fs) => ({
    writeSync(...args: Parameters<typeof write>) {
      count += 1;
      return count > 3 ? failWith('EIO') : write(...args);
    },
  });
  withPatchedFs(patch, () => t.throws(() => undoInterrupted([file]), {message: /cannot be undone/}));
  t.true(Date.now() - statSync(file).mtimeMs < 600_000);
  t.deepEqual(undoAndListen(file), {restored: [file], ignored: []});
  is(t, file, old);
});

test('where a workspace is not private, nothing is saved', (t) => {
  const file = path.join(tempDirectory(t), 'prog');
  writeFileSync(file, old, {mode: 0o755});
  const {geteuid = () => 0} = process;
  const share = ({fstatSync: fstat}: typeof fs) => ({
    fstatSync(fd: number, options?: {bigint: boolean}) {
      const stats = fstat(fd, options);
      if (stats.isDirectory() && typeof stats.mode === 'number')
        Object.assign(stats, {mode: 0o40777, uid: nobody});
      return stats;
    },
  });
  process.geteuid = () => nobody;
  try {
    withPatchedFs(share, () => {
      const {workspace} = leaveRecord(file, request);
      t.deepEqual(recordsIn(workspace), []);
    });
  } finally {
    process.geteuid = geteuid;
  }
});

/** The calls that write, sync and remove, in order; some of the syncs fail. */
function watch(work: () => void, fails: (nth: number) => boolean = () => false): string[] {
  const calls: string[] = [];
  let syncs = 0;
  const patch = ({writeSync: write, fsyncSync: sync, unlinkSync: unlink}: typeof fs) => ({
    writeSync(...args: Parameters<typeof write>) {
      calls.push('write');
      return write(...args);
    },
    fsyncSync(fd: number) {
      syncs += 1;
      calls.push('sync');
      return fails(syncs) ? failWith('EIO') : sync(fd);
    },
    unlinkSync(name: string) {
      if (name.includes('undo')) calls.push('forget');
      unlink(name);
    },
  });
  withPatchedFs(patch, work);
  return calls.filter((call, i) => call !== calls[i - 1]);
}

test('a record goes after its file is on the disk', (t) => {
  const {file, plan} = halfWritten(t);
  t.deepEqual(
    watch(() => undoInterrupted([file])),
    ['write', 'sync', 'write', 'sync', 'forget'],
  );
  for (const count of [0, plan.writes.length]) {
    const whole = halfWritten(t);
    writeFileSync(whole.file, count === 0 ? old : edit(old, request));
    t.deepEqual(
      watch(() => undoInterrupted([whole.file])),
      ['sync', 'forget'],
    );
  }
});

test('so does the record of an edit that fails, or it stays', (t) => {
  const apply = (file: string) => {
    const elf = openElfSync(file);
    applyPlanSync(file, planEdit(elf.view, request), {inPlace: true});
  };
  const fresh = () => {
    const file = path.join(tempDirectory(t), 'prog');
    writeFileSync(file, old, {mode: 0o755});
    return file;
  };
  const first = fresh();
  const calls = watch(
    () => t.throws(() => apply(first)),
    (nth) => nth === 2,
  );
  t.deepEqual(calls, ['write', 'sync', 'write', 'sync', 'write', 'sync', 'forget']);
  is(t, first, old);
  const second = fresh();
  const failing = watch(
    () => t.throws(() => apply(second)),
    (nth) => nth >= 2,
  );
  t.false(failing.includes('forget'));
  const [workspace = ''] = workspacesIn(path.dirname(second));
  t.is(recordsIn(workspace).length, 1);
  // This process is still running, but writes no longer.
  t.deepEqual(undoAndListen(second), {restored: [], ignored: []});
  t.deepEqual(recordsIn(workspace), []);
});

test('a new file beside it leaves it as it is', (t) => {
  const {directory, file, other, half, workspace} = halfWritten(t);
  const elsewhere = path.join(tempDirectory(t), 'prog');
  writeFileSync(elsewhere, old, {mode: 0o755});
  const args = ['--exec-stack', '--output', path.join(directory, 'new'), elsewhere];
  t.like(elfinterp(['edit', ...args]), {status: 0, stderr: ''});
  applyPlanSync(other, planEdit(openElfSync(other).view, {execStack: true}));
  is(t, file, half);
  t.is(recordsIn(workspace).length, 1);
});

test('a plan for a half-written file is refused', (t) => {
  const {base, file, half} = halfWritten(t);
  const plan = planFor(half, {execStack: true});
  for (const options of [{}, {inPlace: true}, {output: path.join(base, 'new')}])
    t.throws(() => applyPlanSync(file, plan, options), {code: 'CONFLICT', message: /is not undone yet/});
  is(t, file, half);
  t.deepEqual(undoInterrupted([file]), [file]);
});

test('a file that has another name by now is restored, and one that is gone is reported', (t) => {
  const {directory, file, other} = halfWritten(t);
  const bad = path.join(directory, 'prog.bad');
  renameSync(file, bad);
  t.deepEqual(undoAndListen(other), {restored: [bad], ignored: []});
  is(t, bad, old);
  const gone = halfWritten(t);
  rmSync(gone.file);
  t.regex(
    elfinterp(['edit', '--exec-stack', gone.other]).stderr,
    /prog: an edit in place that was interrupted is not undone: the file is gone/,
  );
});

test('a half-written file is not edited under another name either', (t) => {
  const {directory, file, half} = halfWritten(t, {isGone: false});
  const link = path.join(directory, 'link');
  linkSync(file, link);
  const {status, stderr} = elfinterp(['edit', '--exec-stack', link]);
  t.is(status, 1);
  t.regex(stderr, /another process may be writing to the file/);
  is(t, file, half);
});

test('what the drop-ins print is of the file as it is', (t) => {
  const {file, half, workspace} = halfWritten(t);
  const dropIn = (name: string, ...args: readonly string[]) =>
    run(process.execPath, [path.join(projectDirectory, 'bin', `${name}.js`), ...args, file]);
  for (const args of [[], ['-l']]) t.is(dropIn('elfinterp-chrpath', ...args).stderr, '');
  for (const option of ['--print-interpreter', '--print-needed', '--print-execstack'])
    t.is(dropIn('elfinterp-patchelf', option).stderr, '');
  is(t, file, half);
  t.is(recordsIn(workspace).length, 1);
  const {status, stderr} = dropIn('elfinterp-patchelf', '--set-execstack');
  t.is(status, 0);
  t.regex(stderr, /is undone first/);
});

if (isRoot)
  test("root restores nothing where another user's link leads", (t) => {
    const {base, file, half, workspace} = halfWritten(t);
    const link = path.join(base, 'link');
    symlinkSync(file, link);
    fs.lchownSync(link, nobody, nobody);
    const {status, stderr} = elfinterp(['edit', '--exec-stack', link]);
    t.is(status, 1);
    t.regex(stderr, /is not followed/);
    t.notRegex(stderr, /undone/);
    is(t, file, half);
    t.is(recordsIn(workspace).length, 1);
  });
