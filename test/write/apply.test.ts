/*
 * Applying a plan: what happens to the file, of its owner and mode, of links to it, and of the directory it is in.
 */
import {spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {
  type Applied,
  type ApplyOptions,
  applyPlan,
  applyPlanSync,
  applyPlanToBuffer,
  type EditRequest,
  openElfBuffer,
  openElfSync,
  openElfToEdit,
  type Plan,
  planEdit,
} from '../../src/index.js';
import {ownIdentity} from '../../src/write/process-identity.js';
import {workspacePrefix} from '../../src/write/workspace-names.js';
import {contentOf, elfinterpAsNobody, program} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {copyFixture, tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

const name = 'x86_64/probe-pie';
const request: EditRequest = {interpreter: '/debootstrap/qemu-libs/ld.so'};
const old = fixtureBytes(name);
const edited = edit(old, request);
const isRoot = process.geteuid?.() === 0;

function planFile(file: string, edits = request): Plan {
  const elf = openElfSync(file);
  const plan = planEdit(elf.view, edits);
  void elf.close();
  return plan;
}

function apply(file: string, options?: ApplyOptions): Applied {
  return applyPlanSync(file, planFile(file), options);
}

for (const inPlace of [false, true]) {
  const way = inPlace ? 'in place' : 'by rename';

  test(`${way}: the file has the new content, and nothing is left beside it`, (t) => {
    const file = copyFixture(t, name);
    t.deepEqual(apply(file, {inPlace}), {path: file, notes: []});
    t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': edited});
  });

  test(`${way}: mode and owner stay, set-user-ID included`, (t) => {
    const file = copyFixture(t, name);
    const user = isRoot ? 1 : (process.geteuid?.() ?? 0);
    const group = isRoot ? 2 : (process.getegid?.() ?? 0);
    chownSync(file, user, group);
    for (const mode of [0o4755, 0o2711, 0o6750, 0o600, 0o755]) {
      writeFileSync(file, old);
      chmodSync(file, mode);
      apply(file, {inPlace});
      const stats = statSync(file);
      t.is((stats.mode & 0o7777).toString(8), mode.toString(8));
      t.deepEqual([stats.uid, stats.gid], [user, group]);
    }
  });

  test(`${way}: a symbolic link stays one, and the file behind it changes`, (t) => {
    const file = copyFixture(t, name);
    const directory = tempDirectory(t);
    symlinkSync(file, path.join(directory, 'absolute'));
    symlinkSync('absolute', path.join(directory, 'relative'));
    const applied = apply(path.join(directory, 'relative'), {inPlace});
    t.is(applied.path, file);
    t.is(readlinkSync(path.join(directory, 'relative')), 'absolute');
    t.true(lstatSync(path.join(directory, 'absolute')).isSymbolicLink());
    t.deepEqual(readFileSync(file), edited);
    t.deepEqual(readdirSync(directory).sort(), ['absolute', 'relative']);
  });

  test(`${way}: a file that changed after planning is refused and left alone`, (t) => {
    const file = copyFixture(t, name);
    const plan = planFile(file);
    appendFileSync(file, 'more');
    const longer = readFileSync(file);
    t.throws(() => applyPlanSync(file, plan, {inPlace}), {
      code: 'CHANGED',
      message: `${file}: the file changed after the edit was planned (expected the original 16624 bytes, got 16628 bytes)`,
    });
    t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': longer});
    writeFileSync(file, edit(old, {interpreter: '/other/ld.so'}));
    const other = readFileSync(file);
    t.throws(() => applyPlanSync(file, plan, {inPlace}), {
      code: 'CHANGED',
      message: /got different content\)$/,
    });
    t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': other});
  });

  test(`${way}: nothing to do leaves even the times alone`, (t) => {
    const file = copyFixture(t, name);
    apply(file);
    utimesSync(file, 1_000_000_000, 1_000_000_000);
    const before = statSync(file, {bigint: true});
    const plan = planFile(file);
    t.deepEqual(plan.writes, []);
    t.deepEqual(applyPlanSync(file, plan, {inPlace}), {path: file, notes: []});
    const after = statSync(file, {bigint: true});
    t.deepEqual([after.mtimeNs, after.ctimeNs, after.ino], [before.mtimeNs, before.ctimeNs, before.ino]);
  });

  test(`${way}: a missing file is said to be missing`, (t) => {
    const file = copyFixture(t, name);
    const plan = planFile(file);
    t.throws(() => applyPlanSync(`${file}-not`, plan, {inPlace}), {
      code: 'FILE_SYSTEM',
      message: `${file}-not: cannot open: no such file or directory`,
    });
  });
}

test('in place keeps the inode, and so every hard link and whoever has the file open', (t) => {
  const file = copyFixture(t, name);
  linkSync(file, `${file}.link`);
  const {ino} = statSync(file);
  t.deepEqual(apply(file, {inPlace: true}).notes, []);
  t.is(statSync(file).ino, ino);
  t.deepEqual(readFileSync(`${file}.link`), edited);
});

test('by rename, other hard links keep the old content, and that is said', (t) => {
  const file = copyFixture(t, name);
  linkSync(file, `${file}.link`);
  linkSync(file, `${file}.link2`);
  t.deepEqual(apply(file).notes, [
    '2 other hard links keep the old content; an edit in place would change them too',
  ]);
  t.deepEqual(readFileSync(file), edited);
  t.deepEqual(readFileSync(`${file}.link`), old);
});

test(
  'a program that runs: in place it is busy and left alone, by rename it goes on with the old file',
  withTools(async (t) => {
    const file = path.join(tempDirectory(t), 'sleep');
    copyFileSync('/bin/sleep', file);
    const before = readFileSync(file);
    const child = spawn(file, ['100'], {stdio: 'ignore'});
    t.teardown(() => child.kill('SIGKILL'));
    await new Promise((resolve) => child.on('spawn', resolve));
    t.throws(() => apply(file, {inPlace: true}), {
      code: 'FILE_SYSTEM',
      message: `${file}: cannot write: the program is running (text file busy)`,
    });
    t.deepEqual(contentOf(path.dirname(file)), {sleep: before});
    apply(file);
    t.notDeepEqual(readFileSync(file), before);
    t.deepEqual(readFileSync(`/proc/${child.pid}/exe`), before);
    t.is(child.exitCode, null);
  }),
);

test('the asynchronous form does the same', async (t) => {
  const file = copyFixture(t, name);
  t.deepEqual(await applyPlan(file, planFile(file)), {path: file, notes: []});
  t.deepEqual(readFileSync(file), edited);
});

test('a file that was opened to be edited and is closed again is not changed, and that is said', async (t) => {
  const file = copyFixture(t, name);
  const elf = await openElfToEdit(file);
  const plan = planEdit(elf.view, request);
  await elf.close();
  for (const options of [{}, {inPlace: true}, {output: `${file}.new`}])
    await t.throwsAsync(applyPlan(elf, plan, options), {message: `${file}: the file is closed`});
  t.deepEqual(readFileSync(file), old);
  t.deepEqual(readdirSync(path.dirname(file)), [path.basename(file)]);
});

test('output: the input stays, the result has its mode', (t) => {
  const file = copyFixture(t, name);
  chmodSync(file, 0o711);
  const result = path.join(tempDirectory(t), 'new');
  t.is(apply(file, {output: result}).path, result);
  t.deepEqual(readFileSync(file), old);
  t.deepEqual(contentOf(path.dirname(result)), {new: edited});
  t.is(statSync(result).mode & 0o7777, 0o711);
});

test('output: an existing file is replaced, by a new inode', (t) => {
  const file = copyFixture(t, name);
  const result = `${file}.out`;
  writeFileSync(result, 'old output', {mode: 0o644});
  const {ino} = statSync(result);
  apply(file, {output: result});
  t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': old, 'probe-pie.out': edited});
  t.not(statSync(result).ino, ino);
});

test('output: onto the input itself, also through a link, is an edit of it', (t) => {
  for (const through of ['the path', 'a link'] as const) {
    const file = copyFixture(t, name);
    const link = path.join(tempDirectory(t), 'link');
    symlinkSync(file, link);
    apply(file, {output: through === 'a link' ? link : file});
    t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': edited});
    t.true(lstatSync(link).isSymbolicLink());
  }
});

test('output: a directory, and a file in one that is missing, are refused', (t) => {
  const file = copyFixture(t, name);
  const directory = tempDirectory(t);
  t.throws(() => apply(file, {output: directory}), {
    code: 'NOT_A_FILE',
    message: `${directory}: the output is not a regular file`,
  });
  const missing = path.join(directory, 'no', 'file');
  t.throws(() => apply(file, {output: missing}), {
    code: 'FILE_SYSTEM',
    message: /no such file or directory$/,
  });
  t.deepEqual(readdirSync(directory), []);
  t.throws(() => apply(file, {output: '/dev/null'}), {code: 'NOT_A_FILE'});
  t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': old});
});

test('output: with nothing to do it is a copy', (t) => {
  const file = copyFixture(t, name);
  const result = `${file}.copy`;
  applyPlanSync(file, planFile(file, {}), {output: result});
  t.deepEqual(readFileSync(result), old);
});

test('output: from a file that may only be read, by an ordinary user', (t) => {
  const file = copyFixture(t, name);
  chmodSync(file, 0o555);
  chmodSync(path.dirname(file), 0o777);
  const {status, stderr} = elfinterpAsNobody([
    'set',
    file,
    request.interpreter ?? '',
    '--output',
    `${file}.out`,
  ]);
  t.is(stderr, isRoot ? `elfinterp: ${file}: the owner 0:0 could not be kept\n` : '');
  t.is(status, 0);
  t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': old, 'probe-pie.out': edited});
  t.is(statSync(`${file}.out`).mode & 0o7777, 0o555);
});

if (isRoot) {
  test('output: a set-user-ID bit does not go over to a file of another owner', (t) => {
    const file = copyFixture(t, name);
    chmodSync(file, 0o4755);
    const result = `${file}.out`;
    writeFileSync(result, 'his');
    chownSync(result, 1, 1);
    t.deepEqual(apply(file, {output: result}).notes, [
      'attributes, capabilities and set-ID bits are dropped: the owner differs',
    ]);
    const {uid, mode} = statSync(result);
    t.deepEqual([uid, mode & 0o7777], [1, 0o755]);
  });
}

test('output and inPlace are mutually exclusive', (t) => {
  const file = copyFixture(t, name);
  t.throws(() => apply(file, {output: `${file}.out`, inPlace: true}), {code: 'BAD_REQUEST'});
  t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': old});
});

test('the workspace of a dead process is removed, that of a living one and what is like it are not', (t) => {
  const file = copyFixture(t, name);
  const beside = (rest: string) => path.join(path.dirname(file), rest);
  const [, start, place] = ownIdentity().split('-');
  const named = (identity: string, rest = 'aAbB01') => `${workspacePrefix}-${identity}-${rest}`;
  // Linux never gives out a process number this high.
  const dead = named(`4194305-${start}-${place}`);
  const reused = named(`${process.pid}-${Number(start) - 1}-${place}`);
  const kept = [
    named(ownIdentity()),
    // A process number from another PID namespace or machine means nothing.
    named(`4194305-${start}-${place === '00000000' ? '00000001' : '00000000'}`),
    named(`4194305-${start}-${place}`, 'notes'),
  ];
  for (const left of [dead, reused, ...kept]) mkdirSync(beside(left), {mode: 0o700});
  const open = named(`4194305-${start}-${place}`, 'opened');
  mkdirSync(beside(open), {mode: 0o755});
  const full = named(`4194305-${start}-${place}`, 'filled');
  const link = named(`4194305-${start}-${place}`, 'linked');
  const precious = path.join(tempDirectory(t), 'precious');
  mkdirSync(precious, {mode: 0o700});
  for (const place of [beside(dead), precious]) writeFileSync(path.join(place, '3'), 'left');
  writeFileSync(path.join(beside(dead), 'elfinterp-workspace'), '');
  mkdirSync(beside(full), {mode: 0o700});
  writeFileSync(path.join(beside(full), 'mine'), 'no file of a workspace');
  symlinkSync(precious, beside(link));
  apply(file);
  t.deepEqual(readdirSync(path.dirname(file)).sort(), [...kept, open, full, link, 'probe-pie'].sort());
  t.deepEqual(readdirSync(precious), ['3']);
  t.deepEqual(readdirSync(beside(full)), ['mine']);
});

test('a directory with the name of a workspace keeps what is in it unless a workspace can have it all', (t) => {
  const file = copyFixture(t, name);
  const [, start, place] = ownIdentity().split('-');
  const contents = [
    // Backups whose directory somebody renamed.
    ['20260101', '3', '4'],
    ['elfinterp-tree'],
    ['3', 'elfinterp-workspace', 'mine'],
    ['259', '3', 'elfinterp-workspace'],
    ['2', 'elfinterp-workspace'],
  ];
  const directories = contents.map((names, i) => {
    const directory = path.join(path.dirname(file), `${workspacePrefix}-4194305-${start}-${place}-aAbB0${i}`);
    mkdirSync(directory, {mode: 0o700});
    for (const one of names) writeFileSync(path.join(directory, one), 'kept');
    return directory;
  });
  apply(file);
  t.deepEqual(
    directories.map((directory) => readdirSync(directory).sort()),
    contents,
  );
});

test('a name of 255 bytes leaves room for that of the temporary file', (t) => {
  const file = copyFixture(t, name, 'n'.repeat(255));
  apply(file);
  t.deepEqual(Object.keys(contentOf(path.dirname(file))), ['n'.repeat(255)]);
  t.deepEqual(readFileSync(file), edited);
});

test('an ordinary user may not edit a file that he may not write, though the directory is his', (t) => {
  const file = copyFixture(t, name);
  const directory = path.dirname(file);
  if (isRoot) chownSync(directory, 65_534, 65_534);
  chmodSync(file, 0o555);
  for (const more of [[], ['--in-place']]) {
    const {status, stderr, stdout} = elfinterpAsNobody(['set', file, '/ld.so', ...more]);
    t.is(stderr, `elfinterp: ${file}: cannot write: permission denied\n`);
    t.deepEqual([status, stdout], [1, '']);
  }
  t.deepEqual(contentOf(directory), {'probe-pie': old});
  t.is(statSync(file).mode & 0o777, 0o555);
});

test('a directory that this user may not write', (t) => {
  const file = copyFixture(t, name);
  const directory = path.dirname(file);
  if (isRoot) chownSync(file, 65_534, 65_534);
  chmodSync(directory, 0o555);
  t.teardown(() => chmodSync(directory, 0o755));
  const {status, stderr} = elfinterpAsNobody(['set', file, '/ld.so']);
  const hint = '--in-place writes into the file itself';
  t.is(stderr, `elfinterp: ${file}: cannot write a new file next to it: permission denied; ${hint}\n`);
  t.is(status, 1);
  t.deepEqual(contentOf(directory), {'probe-pie': old});
  const inPlace = elfinterpAsNobody(['set', file, '/ld.so', '--in-place']);
  t.is(inPlace.stderr, '');
  t.is(inPlace.status, 0);
  t.deepEqual(readFileSync(file), edit(old, {interpreter: '/ld.so'}));
});

test('in place, an ordinary owner keeps the set-user-ID bit; whoever else writes is told that it is lost', (t) => {
  const file = copyFixture(t, name);
  chmodSync(path.dirname(file), 0o755);
  for (const [owner, mode, message] of [
    [65_534, 0o4755, ''],
    [
      1,
      0o4777,
      `elfinterp: ${file}: the set-user-ID or set-group-ID bit is dropped: only the owner of the file can keep it\n`,
    ],
  ] as const) {
    if (!isRoot && owner === 1) continue;
    writeFileSync(file, old);
    if (isRoot) chownSync(file, owner, owner);
    chmodSync(file, mode);
    const {status, stderr} = elfinterpAsNobody(['set', '--in-place', file, '/ld.so']);
    t.is(stderr, message);
    t.is(status, 0);
    t.is(statSync(file).mode & 0o7777, message === '' ? mode : mode & 0o777);
  }
});

if (isRoot) {
  test("another user's file that this user may write: the owner cannot be kept, and no set-user-ID bit either", (t) => {
    const file = copyFixture(t, name);
    chownSync(file, 1, 1);
    chmodSync(file, 0o4777);
    chmodSync(path.dirname(file), 0o777);
    const {status, stderr} = elfinterpAsNobody(['set', file, '/ld.so']);
    t.is(stderr, `elfinterp: ${file}: the owner 1:1 could not be kept\n`);
    t.is(status, 0);
    const {uid, mode} = statSync(file);
    t.deepEqual([uid, mode & 0o7777], [65_534, 0o777]);
  });
}

test(
  'a full disk: an error, the old file, nothing left',
  withTools((t) => {
    const directory = tempDirectory(t);
    const script = `mount -t tmpfs -o size=24k none "$1" && cp "$2" "$1/program" || exit 99
      "$3" "$4" set "$1/program" /debootstrap/qemu-libs/ld.so; echo "status $?"; ls -A "$1"; cmp "$1/program" "$2"`;
    const original = copyFixture(t, name);
    const {status, stdout, stderr} = run('unshare', [
      '--mount',
      ...(isRoot ? [] : ['--map-root-user']),
      'sh',
      '-c',
      script,
      'sh',
      directory,
      original,
      process.execPath,
      program,
    ]);
    t.is(
      stderr,
      `elfinterp: ${directory}/program: cannot write a new file next to it: no space left on device\n`,
    );
    t.is(stdout, 'status 1\nprogram\n');
    t.is(status, 0);
  }),
);

test(
  'a read-only file system',
  withTools((t) => {
    const file = copyFixture(t, name);
    const script =
      'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 99; "$2" "$3" set "$4" /ld.so';
    const {status, stderr} = run('unshare', [
      '--mount',
      ...(isRoot ? [] : ['--map-root-user']),
      'sh',
      '-c',
      script,
      'sh',
      path.dirname(file),
      process.execPath,
      program,
      file,
    ]);
    t.is(stderr, `elfinterp: ${file}: cannot write: read-only file system\n`);
    t.is(status, 1);
    t.deepEqual(contentOf(path.dirname(file)), {'probe-pie': old});
  }),
);

test('a file in a directory with a strange name', (t) => {
  const directory = path.join(tempDirectory(t), 'ä b\n"c"');
  mkdirSync(directory);
  const file = path.join(directory, '-ü');
  copyFileSync(copyFixture(t, name), file);
  apply(file);
  t.deepEqual(contentOf(directory), {'-ü': edited});
});

test('a program of a quarter of a gigabyte is copied whole, whatever its length', (t) => {
  const file = copyFixture(t, name);
  const piece = Buffer.alloc(1 << 20, 'not only zeros, and no whole number of blocks: ');
  const fd = openSync(file, 'a');
  for (let i = 0; i < 256; i++) writeSync(fd, piece);
  writeSync(fd, 'end');
  closeSync(fd);
  const before = createHash('sha256').update(readFileSync(file).subarray(old.length)).digest('hex');
  t.deepEqual(apply(file).notes, []);
  const after = readFileSync(file);
  t.true(after.subarray(0, old.length).equals(edited));
  t.is(createHash('sha256').update(after.subarray(old.length)).digest('hex'), before);
  t.deepEqual(readdirSync(path.dirname(file)), ['probe-pie']);
});

test(
  'a sparse file stays sparse where the file system can do it',
  withTools((t) => {
    for (const options of [{inPlace: true}, {}]) {
      const file = copyFixture(t, name);
      output('truncate', ['-s', '150M', file]);
      appendFileSync(file, 'after a hole');
      output('truncate', ['-s', '200M', file]);
      const before = readFileSync(file);
      apply(file, options);
      const after = readFileSync(file);
      t.true(after.subarray(old.length).equals(before.subarray(old.length)));
      t.true(after.subarray(0, old.length).equals(edited));
      t.true(statSync(file).blocks < 1000, `${statSync(file).blocks} blocks`);
    }
  }),
);

test('a plan can be copied; what came back from JSON is none, and nothing is written', async (t) => {
  const file = copyFixture(t, 'x86_64/probe-pie');
  const before = readFileSync(file);
  const {view} = openElfBuffer(before);
  const plan = planEdit(view, {interpreter: '/opt/ld.so'});
  const read = JSON.parse(JSON.stringify(plan)) as Plan;
  await t.throwsAsync(() => applyPlan(file, read), {code: 'BAD_REQUEST', message: /not an edit plan/});
  await t.throwsAsync(() => applyPlan(file, undefined as unknown as Plan), {code: 'BAD_REQUEST'});
  t.throws(() => planEdit(view, null as unknown as EditRequest), {code: 'BAD_REQUEST'});
  t.deepEqual(readFileSync(file), before);
  await applyPlan(file, structuredClone(plan));
  t.is(openElfBuffer(readFileSync(file)).view.interpreter?.path, '/opt/ld.so');
});

test('what came back from JSON is no plan for bytes either', (t) => {
  const bytes = fixtureBytes('x86_64/probe-pie');
  const plan = planEdit(openElfBuffer(bytes).view, {interpreter: '/ld.so'});
  for (const wrong of [JSON.parse(JSON.stringify(plan)), undefined, {}])
    t.throws(() => applyPlanToBuffer(bytes, wrong as Plan), {code: 'BAD_REQUEST'});
});
