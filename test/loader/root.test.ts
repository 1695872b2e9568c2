import {spawnSync} from 'node:child_process';
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import {OpenRoot} from '../../src/loader/open-root.js';
import {Root} from '../../src/loader/root.js';
import {program} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {strace} from '../helpers/strace.js';
import {tempDirectory} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';

/** A tree for links to lead out of: a string is a link's target, null a directory, a number a file. */
const tree: Readonly<Record<string, string | null | number>> = {
  'etc/secret': 1,
  'usr/lib/libA.so.1': 2,
  lib: 'usr/lib',
  'usr/lib/libA.so': 'libA.so.1',
  'usr/lib/absolute.so': '/usr/lib/libA.so.1',
  'usr/lib/up.so': '../../../../../../../../etc/secret',
  'usr/lib/out': '/etc',
  'usr/lib/outside': '/../../../tmp',
  'usr/lib/root': '/',
  'usr/lib/dot': '.',
  'usr/lib/here/': null,
  loop: 'loop',
  ping: 'pong',
  pong: 'ping',
  dangling: '/nowhere',
  'deep/a/b/c': '../../../usr',
  slash: 'usr/lib/',
  notdir: 'etc/secret/',
};

function makeRoot(t: {teardown(f: () => void): void}): string {
  const directory = mkdtempSync(join(tmpdir(), 'root-'));
  t.teardown(() => rmSync(directory, {recursive: true, force: true}));
  for (const [path, what] of Object.entries(tree)) {
    const file = join(directory, path);
    mkdirSync(what === null ? file : dirname(file), {recursive: true});
    if (typeof what === 'string') symlinkSync(what, file);
    if (typeof what === 'number') writeFileSync(file, `${what}`);
  }
  for (let i = 0; i < 45; i++)
    symlinkSync(i === 0 ? 'etc/secret' : `chain${i - 1}`, join(directory, `chain${i}`));
  return directory;
}

const inside = (root: Root, path: string) => {
  const result = root.resolve(path);
  return result.found ? result.inside : result.code;
};

const cases: Readonly<Record<string, readonly [string, string][]>> = {
  'an absolute link starts again at the root': [['/usr/lib/absolute.so', '/usr/lib/libA.so.1']],
  'a link to a directory is followed on the way': [['/lib/libA.so', '/usr/lib/libA.so.1']],
  'dot-dot of the root is the root': [
    ['/../../etc/secret', '/etc/secret'],
    ['/usr/lib/up.so', '/etc/secret'],
    ['/usr/lib/outside', 'ENOENT'],
  ],
  'dot-dot goes up from where a link led': [
    ['/lib/..', '/usr'],
    ['/usr/lib/out/../usr', '/usr'],
    ['/deep/a/b/c/..', '/'],
  ],
  'a link to the root is the root': [
    ['/usr/lib/root', '/'],
    ['/usr/lib/root/usr/lib/root/etc', '/etc'],
  ],
  'dots and doubled slashes do not count': [
    ['//usr/./lib//.//here/.', '/usr/lib/here'],
    ['/usr/lib/dot/dot/libA.so', '/usr/lib/libA.so.1'],
    ['/', '/'],
    ['/.', '/'],
  ],
  'a relative path starts at the root': [['usr/lib/libA.so', '/usr/lib/libA.so.1']],
  'a loop is ELOOP': [
    ['/loop', 'ELOOP'],
    ['/ping', 'ELOOP'],
    ['/ping/x', 'ELOOP'],
  ],
  'forty links are followed, one more is ELOOP': [
    ['/chain39', '/etc/secret'],
    ['/chain40', 'ELOOP'],
  ],
  'a dangling link is ENOENT': [['/dangling', 'ENOENT']],
  'a file on the way is ENOTDIR': [
    ['/etc/secret/x', 'ENOTDIR'],
    ['/etc/secret/.', 'ENOTDIR'],
    ['/etc/secret/..', 'ENOTDIR'],
  ],
  'a slash at the end wants a directory': [
    ['/etc/secret/', 'ENOTDIR'],
    ['/etc/', '/etc'],
    ['/slash', '/usr/lib'],
    ['/notdir', 'ENOTDIR'],
  ],
  'an empty path is ENOENT': [['', 'ENOENT']],
  'a name too long is ENAMETOOLONG': [
    [`/${'x'.repeat(256)}`, 'ENAMETOOLONG'],
    [`/${'x/'.repeat(2500)}`, 'ENAMETOOLONG'],
    [`/${'ä'.repeat(128)}`, 'ENAMETOOLONG'],
  ],
  'a NUL ends no path': [['/etc\0/secret', 'ENOENT']],
};

for (const [title, examples] of Object.entries(cases)) {
  test(`root: ${title}`, (t) => {
    const root = new Root(makeRoot(t));
    for (const [path, expected] of examples) t.is(inside(root, path), expected, path);
  });
}

test('root: the host path is the real one below the directory', (t) => {
  const directory = makeRoot(t);
  const root = new Root(directory);
  const found = root.resolve('/lib/libA.so');
  t.true(found.found);
  if (!found.found) return;
  t.is(found.host, join(directory, 'usr/lib/libA.so.1'));
  t.is(found.stats.ino, lstatSync(found.host, {bigint: true}).ino);
  t.true(found.stats.isFile());
});

test('root: a link is taken for itself when asked', (t) => {
  const root = new Root(makeRoot(t));
  const link = root.resolve('/lib', {follow: false});
  t.true(link.found && link.inside === '/lib' && link.stats.isSymbolicLink());
  const through = root.resolve('/lib/libA.so', {follow: false});
  t.true(through.found && through.inside === '/usr/lib/libA.so');
  const withSlash = root.resolve('/lib/', {follow: false});
  t.true(withSlash.found && withSlash.inside === '/usr/lib');
});

test('root: a miss says how far it got', (t) => {
  const root = new Root(makeRoot(t));
  const miss = root.resolve('/lib/new/deep/file');
  t.deepEqual(miss, {found: false, code: 'ENOENT', reached: '/usr/lib', rest: ['new', 'deep', 'file']});
});

test('root: the machine root agrees with the kernel and looks up by it', (t) => {
  const root = new Root();
  t.true(root.isTrivial);
  t.is(inside(root, '/proc/self/../self/../version'), '/proc/version');
  const found = root.lookUp('/etc/../etc/passwd');
  t.true(found.found && found.host === '/etc/../etc/passwd' && found.stats.isFile());
  t.deepEqual(root.lookUp('/no/such/thing'), {found: false, code: 'ENOENT'});
});

test('root: a directory that does not exist is an error', (t) => {
  t.throws(() => new Root('/no/such/directory'), {code: 'FILE_SYSTEM'});
  t.throws(() => new Root('/etc/passwd'), {code: 'FILE_SYSTEM'});
});

test('root: whatever the path, the answer is the kernel answer after chroot', (t) => {
  const directory = makeRoot(t);
  const root = new Root(directory);
  const names = [
    ...new Set(Object.keys(tree).flatMap((path) => path.split('/'))),
    '..',
    '.',
    '',
    'chain39',
    'chain30',
  ];
  const paths = fc
    .sample(
      fc.array(fc.constantFrom(...names.filter((name) => name !== 'outside')), {minLength: 1, maxLength: 4}),
      400,
    )
    .map((parts) => `/${parts.join('/')}`);
  const real = realpathsInChroot(directory, paths);
  if (real === undefined) {
    t.log('chroot is not permitted here: only the containment is checked');
    for (const path of paths) t.true(isInside(root, path), path);
    return;
  }
  t.deepEqual(
    paths.map((path) => [path, inside(root, path)]),
    paths.map((path, i) => [path, real[i]]),
  );
  t.log(
    `${paths.length} paths, ${real.filter((path) => path?.startsWith('/')).length} of them lead to something`,
  );
});

function isInside(root: Root, path: string): boolean {
  const result = root.resolve(path);
  return !result.found || result.host === root.host || result.host.startsWith(`${root.host}/`);
}

/** realpath of each path as a process sees it that was put into the directory by chroot(2). */
function realpathsInChroot(directory: string, paths: readonly string[]): (string | undefined)[] | undefined {
  const script = `
import os, sys, json
paths = json.load(sys.stdin)
os.chroot(${JSON.stringify(directory)}); os.chdir('/')
def real(path):
    try:
        fd = os.open(path, os.O_PATH)
    except OSError as error:
        import errno
        return errno.errorcode[error.errno]
    os.close(fd)
    return os.path.realpath(path)
json.dump([real(path) for path in paths], sys.stdout)`;
  const command = process.getuid?.() === 0 ? ['python3'] : ['unshare', '-r', 'python3'];
  const [tool = '', ...args] = [...command, '-c', script];
  const {status, stdout} = run(tool, args, {input: JSON.stringify(paths)});
  return status === 0 ? (JSON.parse(stdout) as string[]) : undefined;
}

test('a root that keeps what it found has at most a thousand files open, and reads no other file in the place of one', (t) => {
  const top = tempDirectory(t);
  const files = Array.from({length: 1100}, (_, i) => `/f${i}`);
  for (const file of files) writeFileSync(join(top, file), file);
  using root = OpenRoot.at(top, {keep: true});
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const before = descriptors();
  for (const round of ['found', 'read'])
    for (const file of files) {
      const there = root.resolve(file);
      if (!there.found) return t.fail(file);
      if (round === 'found') continue;
      const source = root.source(there.host);
      t.is(Buffer.from(source.read(0, source.size)).toString(), file);
      source.close();
    }
  t.true(descriptors() - before < 1050);
  writeFileSync(join(top, 'new'), 'another one');
  renameSync(join(top, 'new'), join(top, 'f0'));
  for (const _ of [1, 2]) t.throws(() => root.source(join(top, 'f0')), {code: 'CHANGED'});
});

for (const [code, message] of [
  ['EIO', 'input/output error'],
  ['EMFILE', 'too many open files'],
] as const) {
  test(
    `a failure of the machine is not a missing library: ${code}`,
    withTools((t) => {
      const directory = tempDirectory(t);
      const library = join(directory, 'libprobe.so.1');
      copyFileSync(fixture('x86_64/libprobe.so.1').path, library);
      const asked = ['tree', '--library-path', directory, fixture('x86_64/needs-libprobe').path];
      const failing = ['-o', '/dev/null', '-P', library, '-e', `inject=statx,stat,newfstatat:error=${code}`];
      const [tool, ...args] = strace(...failing, process.execPath, program, ...asked);
      const {status, stderr} = spawnSync(tool, args, {encoding: 'utf8'});
      t.deepEqual([status, stderr], [1, `elfinterp: ${library}: cannot read: ${message}\n`]);
    }),
  );
}
