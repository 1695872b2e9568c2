/*
 * Whose links an edit follows.
 */
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {openElfBuffer} from '../../src/index.js';
import {elfinterp, elfinterpAsNobody, projectDirectory} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {tempDirectory, tempFile} from '../helpers/temp.js';
import {output, type RunResult, run, withTools} from '../helpers/tools.js';

const old = edit(fixtureBytes('x86_64/probe-pie'), {rpath: '/a/search/path'});
const interpreter = '/debootstrap/qemu-libs/ld.so';
const edited = edit(old, {interpreter});
const isRoot = process.geteuid?.() === 0;
const [eve, bob, nobody] = [12_345, 12_346, 65_534];

/** A directory of eve's, and one of root's with a program. */
function makePlaces(t: ExecutionContext): {home: string; machine: string; program: string} {
  const base = tempDirectory(t);
  chmodSync(base, 0o755);
  const [home, machine] = [path.join(base, 'home'), path.join(base, 'machine')];
  for (const directory of [home, machine]) mkdirSync(directory, {mode: 0o755});
  chownSync(home, eve, eve);
  return {home, machine, program: makeProgram(path.join(machine, 'prog'), 0)};
}

function makeProgram(file: string, owner: number): string {
  writeFileSync(file, old, {mode: 0o755});
  chownSync(file, owner, owner);
  return file;
}

function link(target: string, at: string, owner: number): string {
  symlinkSync(target, at);
  lchownSync(at, owner, owner);
  return at;
}

const isEdited = (file: string) => openElfBuffer(readFileSync(file)).view.interpreter?.path === interpreter;

const dropIn = (name: string, ...args: readonly string[]): RunResult =>
  run(process.execPath, [path.join(projectDirectory, 'bin', `${name}.js`), ...args]);

const edits: Readonly<Record<string, (file: string) => RunResult>> = {
  set: (file) => elfinterp(['set', file, interpreter]),
  'edit --in-place': (file) => elfinterp(['edit', '--in-place', '--interpreter', interpreter, file]),
  'edit --dry-run': (file) => elfinterp(['edit', '-n', '--interpreter', interpreter, file]),
  'set --output': (file) => elfinterp(['set', file, interpreter, '-o', `${file}.out`]),
  'elfinterp-patchelf': (file) => dropIn('elfinterp-patchelf', '--set-interpreter', interpreter, file),
  'elfinterp-chrpath': (file) => dropIn('elfinterp-chrpath', '-r', '/x', file),
};

if (isRoot) {
  for (const [command, editFile] of Object.entries(edits)) {
    test(`root does not follow a stranger's link: ${command}`, (t) => {
      const {home, machine, program} = makePlaces(t);
      const ways = [
        link(program, path.join(home, 'file'), eve),
        path.join(link(machine, path.join(home, 'directory'), eve), 'prog'),
        // A link of root's does not make up for the one before it.
        link(link(program, path.join(machine, 'good'), 0), path.join(home, 'two'), eve),
        path.join(link('directory', path.join(home, 'indirect'), eve), 'prog'),
      ];
      for (const way of ways) {
        const {status, stderr} = editFile(way);
        t.is(status, 1, way);
        t.regex(
          stderr,
          /the symbolic link .* is not followed \(.*got a link owned by user 12345 to a file owned by user 0\)/,
        );
      }
      t.deepEqual(readFileSync(program), old);
      t.is(lstatSync(path.join(home, 'file.out'), {throwIfNoEntry: false}), undefined);
    });
  }

  test("root follows his own links, and those of the file's owner", (t) => {
    const {home, machine, program} = makePlaces(t);
    const his = makeProgram(path.join(home, 'prog'), eve);
    const theirs = path.join(home, 'sub');
    mkdirSync(theirs);
    chownSync(theirs, eve, eve);
    const other = makeProgram(path.join(theirs, 'prog'), eve);
    for (const [way, file] of [
      [link(program, path.join(machine, 'link'), 0), program],
      [link(his, path.join(home, 'link'), eve), his],
      [path.join(link('sub', path.join(home, 'way'), eve), '../sub/./prog'), other],
    ] as const) {
      t.like(elfinterp(['set', way, interpreter]), {status: 0, stderr: ''}, way);
      t.true(isEdited(file), way);
      t.true(lstatSync(file).isFile());
    }
    writeFileSync(program, old);
    // It was moved by eve, but it says what root wrote into it.
    renameSync(path.join(machine, 'link'), path.join(home, 'moved'));
    t.like(elfinterp(['set', path.join(home, 'moved'), interpreter]), {status: 0, stderr: ''});
    t.true(isEdited(program));
  });

  test("a result of root goes by no stranger's link", (t) => {
    const {home, machine, program} = makePlaces(t);
    const there = makeProgram(path.join(machine, 'there'), 0);
    const before = readFileSync(there);
    for (const way of [
      link(there, path.join(home, 'file'), eve),
      path.join(link(machine, path.join(home, 'directory'), eve), 'there'),
      path.join(home, 'directory/new'),
    ]) {
      const {status, stderr} = elfinterp(['set', program, interpreter, '--output', way]);
      t.is(status, 1);
      t.regex(stderr, /is not followed/);
    }
    t.deepEqual(readFileSync(there), before);
    t.is(lstatSync(path.join(machine, 'new'), {throwIfNoEntry: false}), undefined);
    const dangling = link(path.join(machine, 'new'), path.join(home, 'dangling'), eve);
    t.is(elfinterp(['set', program, interpreter, '--output', dangling]).status, 0);
    t.true(lstatSync(dangling).isFile(), 'a link to nothing is replaced itself');
    t.is(lstatSync(path.join(machine, 'new'), {throwIfNoEntry: false}), undefined);
  });

  test(
    'root edits no hard link that a stranger may have made, where the kernel allows that',
    withTools((t) => {
      const {home, machine, program} = makePlaces(t);
      const [his, own] = [path.join(home, 'hard'), path.join(machine, 'hard')];
      for (const name of [his, own]) linkSync(program, name);
      const script = 'mount --bind "$0" /proc/sys/fs/protected_hardlinks && exec "$@"';
      const isOff = ['--mount', 'sh', '-c', script, tempFile(t, '0\n')];
      const set = [process.execPath, path.join(projectDirectory, 'bin/elfinterp.js'), 'set'];
      const {status, stderr} = run('unshare', [...isOff, ...set, '--in-place', his, interpreter]);
      t.is(status, 1);
      t.regex(
        stderr,
        /another user may have created this hard link \(expected a single link, .*, got 3 links, in /,
      );
      t.deepEqual(readFileSync(program), old);
      t.is(run('unshare', [...isOff, ...set, '--in-place', own, interpreter]).status, 0);
      t.true(isEdited(program));
    }),
  );

  test("a stream goes by no stranger's link", (t) => {
    const {home, machine, program} = makePlaces(t);
    const fifo = path.join(machine, 'fifo');
    output('mkfifo', [fifo]);
    const way = path.join(link(machine, path.join(home, 'directory'), eve), 'fifo');
    const {status, stderr} = dropIn('elfinterp-patchelf', '--set-rpath', '/x', '--output', way, program);
    t.is(status, 1);
    t.regex(stderr, /is not followed/);
  });

  test('whoever only reads may follow any link', (t) => {
    const {home, program} = makePlaces(t);
    const way = link(program, path.join(home, 'file'), eve);
    const expected = '/lib64/ld-linux-x86-64.so.2\n';
    t.like(elfinterp(['get', way]), {status: 0, stdout: expected});
    t.like(dropIn('elfinterp-patchelf', '--print-interpreter', way), {status: 0, stdout: expected});
    t.like(dropIn('elfinterp-chrpath', '-l', way), {status: 0, stderr: ''});
  });

  test('in a sticky directory others follow only their own links, and those of its owner', (t) => {
    const base = tempDirectory(t);
    const shared = path.join(base, 'shared');
    chmodSync(base, 0o755);
    mkdirSync(shared);
    chownSync(shared, bob, bob);
    chmodSync(shared, 0o1777);
    const file = makeProgram(path.join(shared, 'prog'), nobody);
    for (const [owner, isFollowed] of [
      [eve, false],
      [bob, true],
      [nobody, true],
    ] as const) {
      const {status, stderr} = elfinterpAsNobody([
        'edit',
        '--rpath',
        `/by/${owner}`,
        link('prog', path.join(shared, String(owner)), owner),
      ]);
      t.is(status, isFollowed ? 0 : 1, stderr);
      t.is(openElfBuffer(readFileSync(file)).view.dynamic?.rpath === `/by/${owner}`, isFollowed);
    }
  });
}

test('--no-follow refuses a link at the end of the path, whosever it is', (t) => {
  const directory = tempDirectory(t);
  const file = path.join(directory, 'prog');
  writeFileSync(file, old, {mode: 0o755});
  mkdirSync(path.join(directory, 'sub'));
  symlinkSync('../prog', path.join(directory, 'sub/link'));
  symlinkSync('sub', path.join(directory, 'way'));
  const refused = path.join(directory, 'way/link');
  t.deepEqual(elfinterp(['set', refused, interpreter, '--no-follow']), {
    status: 1,
    signal: null,
    stdout: '',
    stderr: `elfinterp: ${refused}: a symbolic link, which is not followed (expected a regular file)\n`,
  });
  t.is(elfinterp(['set', file, interpreter, '-o', refused, '--no-follow']).status, 1);
  t.deepEqual(readFileSync(file), old);
  t.is(elfinterp(['set', path.join(directory, 'way/../prog'), interpreter, '--no-follow']).status, 0);
  t.deepEqual(readFileSync(file), edited);
});

test('links in a ring, and a path through a file, are errors of the system', (t) => {
  const directory = tempDirectory(t);
  symlinkSync('b', path.join(directory, 'a'));
  symlinkSync('a', path.join(directory, 'b'));
  writeFileSync(path.join(directory, 'prog'), old);
  for (const [way, reason] of [
    ['a', 'cannot open: too many levels of symbolic links'],
    ['a/prog', 'cannot open: too many levels of symbolic links'],
    ['prog/x', 'cannot open: a component of the path is not a directory'],
    ['nothing/prog', 'cannot open: no such file or directory'],
  ] as const) {
    const file = path.join(directory, way);
    t.like(elfinterp(['set', file, interpreter]), {status: 1, stderr: `elfinterp: ${file}: ${reason}\n`});
  }
});

test(
  'a pipe that the shell passes as a path is called what it is, as input and as output',
  withTools((t) => {
    const directory = tempDirectory(t);
    const file = tempFile(t, old, 'prog');
    const script = path.join(projectDirectory, 'bin', 'elfinterp.js');
    const into = (line: string) =>
      run('bash', ['-c', line, process.execPath, script, file, path.join(directory, 'out')]);
    const pipe = 'not a regular file (expected a regular file, got a FIFO)\n';
    for (const line of [
      '"$0" "$1" edit --rpath /x --output "$3" <(cat "$2")',
      '"$0" "$1" edit --rpath /x --output >(cat >"$3") "$2"',
    ]) {
      const {status, stderr} = into(line);
      t.is(status, 1);
      t.regex(stderr, /^elfinterp: \/dev\/fd\/\d+: /);
      t.true(stderr.endsWith(pipe), stderr);
    }
  }),
);
