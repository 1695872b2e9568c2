/* The cache of emulators: where it is, whose it is, and what it holds. */
import type fs from 'node:fs';
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {cachePath, findOwnDirectory, openOwnDirectory} from '../../src/chroot/cache/place.js';
import {evict, findCached, listCached, makeCached} from '../../src/chroot/cache/store.js';
import {ElfError} from '../../src/errors.js';
import {ownIdentity} from '../../src/write/process-identity.js';
import {program} from '../helpers/cli.js';
import {withPatchedFs} from '../helpers/patched-fs.js';
import {tempDirectory} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';

const key = (digit: string) => digit.repeat(40);
const onRoot = process.geteuid?.() === 0;

const write = (text: string) => async (path: string) => writeFileSync(path, text);

test('where it is', (t) => {
  const home = {HOME: '/home/u'};
  t.is(cachePath(home, true), '/var/cache/elfinterp');
  t.is(cachePath(home, false), '/home/u/.cache/elfinterp');
  t.is(cachePath({...home, XDG_CACHE_HOME: '/caches'}, false), '/caches/elfinterp');
  t.is(cachePath({...home, XDG_CACHE_HOME: 'caches'}, false), '/home/u/.cache/elfinterp');
  t.is(cachePath({...home, XDG_CACHE_HOME: '/caches'}, true), '/var/cache/elfinterp');
  t.is(cachePath({...home, ELFINTERP_CACHE: '/mine'}, true), '/mine');
});

test('a file is made once, complete and executable for everybody, and found again', async (t) => {
  using cache = openOwnDirectory(join(tempDirectory(t), 'a', 'b'));
  t.is(findCached(cache, key('a'), 'qemu-arm'), undefined);
  const path = await makeCached(cache, key('a'), 'qemu-arm', write('one'));
  t.is(path, join(cache.real, key('a'), 'qemu-arm'));
  t.is(findCached(cache, key('a'), 'qemu-arm'), path);
  t.is(readFileSync(path, 'utf8'), 'one');
  t.deepEqual(cache.names(), [key('a')]);
  t.is(cache.stats.mode & 0o777, 0o700);
  t.is(cache.directory(key('a'))?.openPath('qemu-arm')?.stats.mode, 0o100755);
});

test('a cache that can no longer be looked up is an error in words', async (t) => {
  const path = join(tempDirectory(t), 'cache');
  using cache = openOwnDirectory(path);
  rmdirSync(path);
  const error = await t.throwsAsync(makeCached(cache, key('a'), 'qemu-arm', write('one')), {
    instanceOf: ElfError,
  });
  t.is(error?.code, 'FILE_SYSTEM');
});

test('a directory for all users is that whatever the umask', (t) => {
  const path = join(tempDirectory(t), 'a', 'b');
  // A worker has no umask of its own to set.
  const strict = ({mkdirSync}: typeof fs) => ({
    mkdirSync: (path: string, {mode}: {mode: number}) => mkdirSync(path, {mode: mode & 0o700}),
  });
  withPatchedFs(strict, () => openOwnDirectory(path, 0o755)[Symbol.dispose]());
  for (const made of [path, dirname(path)]) t.is(statSync(made).mode & 0o777, 0o755);
});

test('two who make the same at once both get it', async (t) => {
  using cache = openOwnDirectory(join(tempDirectory(t), 'cache'));
  const paths = await Promise.all(
    ['a', 'a', 'b'].map((digit) => makeCached(cache, key(digit), 'qemu-arm', write(digit))),
  );
  t.is(paths[0], paths[1]);
  t.deepEqual(cache.names(), [key('a'), key('b')]);
});

test('what fails in the making leaves nothing', async (t) => {
  using cache = openOwnDirectory(join(tempDirectory(t), 'cache'));
  const failing = async (path: string) => {
    writeFileSync(path, 'half');
    throw new Error('no more');
  };
  await t.throwsAsync(makeCached(cache, key('a'), 'qemu-arm', failing), {message: /no more/});
  t.deepEqual(cache.names(), []);
});

test('what a killed run left is removed by the next, and an empty file is made again', async (t) => {
  using cache = openOwnDirectory(join(tempDirectory(t), 'cache'));
  const left = join(cache.real, `.elfinterp-cache-${ownIdentity().replace(/^\d+/, '4194305')}-abc`);
  // The process number means nothing here: that process may be running in another PID namespace.
  const elsewhere = '.elfinterp-cache-1-1-00000000-abc';
  mkdirSync(left);
  mkdirSync(join(cache.real, elsewhere));
  // Packed in a workspace.
  mkdirSync(join(left, '.elfinterp-edit-1-2-3'));
  writeFileSync(join(left, '.elfinterp-edit-1-2-3/3'), 'half');
  mkdirSync(join(cache.real, key('a')));
  writeFileSync(join(cache.real, key('a'), 'qemu-arm'), '');
  const path = await makeCached(cache, key('a'), 'qemu-arm', write('whole'));
  t.is(readFileSync(path, 'utf8'), 'whole');
  t.deepEqual(cache.names().toSorted(), [elsewhere, key('a')]);
});

test('what was not used for longest goes, and nothing else that lies there', async (t) => {
  using cache = openOwnDirectory(join(tempDirectory(t), 'cache'));
  for (const [i, digit] of ['a', 'b', 'c'].entries()) {
    const path = await makeCached(cache, key(digit), 'qemu-arm', write('x'.repeat(100)));
    utimesSync(path, i, i);
  }
  writeFileSync(join(cache.real, 'note'), 'y'.repeat(1000));
  findCached(cache, key('a'), 'qemu-arm');
  t.deepEqual(
    listCached(cache).map((file) => file.key),
    [key('a'), key('c'), key('b')],
  );
  evict(cache, 250);
  t.deepEqual(cache.names(), [key('a'), key('c'), 'note']);
  await makeCached(cache, key('d'), 'qemu-arm', write('x'.repeat(300)), 250);
  t.deepEqual(cache.names(), [key('d'), 'note'], 'the one that is needed now stays');
});

const refused = (t: ExecutionContext, path: string) => {
  t.throws(() => openOwnDirectory(path), {code: 'OUTSIDE'} as object);
  t.throws(() => findOwnDirectory(path), {code: 'OUTSIDE'} as object);
};

test('a directory that others can write to is refused, and one below it', (t) => {
  const cache = join(tempDirectory(t), 'open', 'cache');
  openOwnDirectory(cache)[Symbol.dispose]();
  chmodSync(cache, 0o777);
  refused(t, cache);
  chmodSync(cache, 0o700);
  chmodSync(join(cache, '..'), 0o777);
  refused(t, cache);
  // Even if nobody else is in our group, an ACL that lets another user write looks the same.
  chmodSync(join(cache, '..'), 0o775);
  refused(t, cache);
  chmodSync(join(cache, '..'), 0o1777);
  t.notThrows(() => openOwnDirectory(cache)[Symbol.dispose](), 'as /tmp is');
});

(onRoot ? test : test.skip)("somebody else's directory is refused, on the way and at its end", (t) => {
  const above = join(tempDirectory(t), 'above');
  const cache = join(above, 'cache');
  openOwnDirectory(cache)[Symbol.dispose]();
  chownSync(above, 65534, 65534);
  refused(t, cache);
  chownSync(above, 0, 0);
  chownSync(cache, 65534, 65534);
  refused(t, cache);
});

test('a file that others can write to is not used', async (t) => {
  using cache = openOwnDirectory(join(tempDirectory(t), 'cache'));
  const path = await makeCached(cache, key('a'), 'qemu-arm', write('one'));
  chmodSync(path, 0o777);
  t.throws(() => findCached(cache, key('a'), 'qemu-arm'), {code: 'OUTSIDE'} as object);
});

test('a link on the way is followed and what it leads to is checked', (t) => {
  const directory = tempDirectory(t);
  mkdirSync(join(directory, 'real'));
  symlinkSync('real', join(directory, 'link'));
  openOwnDirectory(join(directory, 'link', 'cache'))[Symbol.dispose]();
  t.deepEqual(readdirSync(join(directory, 'real')), ['cache']);
  chmodSync(join(directory, 'real'), 0o777);
  refused(t, join(directory, 'link', 'cache'));
});

(onRoot ? test : test.skip)("somebody else's link is not followed, nor one that leads in a circle", (t) => {
  const directory = tempDirectory(t);
  mkdirSync(join(directory, 'real'), {mode: 0o700});
  chmodSync(directory, 0o1777);
  symlinkSync(join(directory, 'real'), join(directory, 'link'));
  lchownSync(join(directory, 'link'), 65534, 65534);
  refused(t, join(directory, 'link'));
  refused(t, join(directory, 'link', 'cache'));
  t.deepEqual(readdirSync(join(directory, 'real')), []);
  symlinkSync('circle', join(directory, 'circle'));
  t.throws(() => openOwnDirectory(join(directory, 'circle')), {code: 'FILE_SYSTEM'} as object);
});

test('a link in the place of an entry leads nowhere', async (t) => {
  using cache = openOwnDirectory(join(tempDirectory(t), 'cache'));
  const elsewhere = tempDirectory(t);
  writeFileSync(join(elsewhere, 'qemu-arm'), 'theirs');
  symlinkSync(elsewhere, join(cache.real, key('a')));
  t.throws(() => findCached(cache, key('a'), 'qemu-arm'), {code: 'OUTSIDE'} as object);
  evict(cache, 0);
  t.is(readFileSync(join(elsewhere, 'qemu-arm'), 'utf8'), 'theirs');
});

test(
  'a cache on a file system that executes nothing is not used, and that is said',
  withTools((t) => {
    const [place, temporary] = [tempDirectory(t), tempDirectory(t)];
    const lines = [
      `mount -t tmpfs -o noexec,mode=700 tmpfs ${place}`,
      `export ELFINTERP_CACHE=${place}/cache TMPDIR=${temporary}`,
      `${process.execPath} ${program} binfmt run arm64 -- echo ran`,
      `${process.execPath} ${program} doctor`,
    ];
    const {stdout, stderr} = run('unshare', [
      '--user',
      '--map-root-user',
      '--mount',
      'sh',
      '-ec',
      lines.join('\n'),
    ]);
    const what = `${place}/cache: programs in this directory cannot be executed`;
    t.true(stdout.startsWith('ran\n'), stdout + stderr);
    t.true(stderr.includes(`packed only for this run: ${what}`), stderr);
    t.regex(
      stdout,
      /the cache of packed emulators is not used[^\n]*\n {2}evidence: [^\n]*mounted with noexec/,
    );
    t.deepEqual(readdirSync(temporary), []);
  }),
);

test(
  'a user who has no home directory has no cache',
  withTools((t) => {
    // Root's home is in /etc/passwd, so hide that file.
    const lines = [
      `mount -t tmpfs tmpfs /etc`,
      `exec ${process.execPath} ${program} binfmt run arm64 -- echo ran`,
    ];
    const env = {TMPDIR: tempDirectory(t), HOME: undefined, ELFINTERP_CACHE: undefined};
    const {stdout, stderr} = run(
      'unshare',
      ['--user', '--map-root-user', '--mount', 'sh', '-ec', lines.join('\n')],
      {env},
    );
    t.is(stdout, 'ran\n', stderr);
    t.regex(stderr, /packed only for this run: this user has no home directory/);
  }),
);
