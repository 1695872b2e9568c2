/* Bugs found in the handling of roots and bundles, each named by its effect. */
import {createHash} from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {changeBundle} from '../../src/bundle/staging.js';
import {findArchitecture} from '../../src/chroot/architecture.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import {findOwn} from '../../src/loader/inside.js';
import {Root} from '../../src/loader/root.js';
import {openDirectory} from '../../src/source/dir-fd.js';
import {elfinterp} from '../helpers/cli.js';
import {place} from '../helpers/place.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';

const list = 'debootstrap/qemu-libs/manifest.json';

/** A bundle whose manifest differs from what was installed. */
async function lyingBundle(t: ExecutionContext, file: object): Promise<string> {
  const into = tempDirectory(t);
  chmodSync(into, 0o755);
  await bundle(['/bin/true'], {...place, into});
  const manifest = JSON.parse(readFileSync(join(into, list), 'utf8'));
  manifest.files.push({...manifest.files[0], ...file});
  writeFileSync(join(into, list), JSON.stringify(manifest));
  return into;
}

test('a manifest had a private file copied to where everybody reads it', async (t) => {
  const source = join(tempDirectory(t), 'private');
  writeFileSync(source, 'secret', {mode: 0o600});
  const into = await lyingBundle(t, {role: 'data', path: '/debootstrap/x', source});
  await t.throwsAsync(bundle(['/bin/false'], {...place, into}), {
    code: 'CHANGED',
    message: /to rebuild/,
  });
  t.false(existsSync(join(into, 'debootstrap/x')));
  // If the caller names it, it is wanted.
  await bundle(['/bin/false'], {...place, into, files: [{source, target: 'x'}]});
  t.is(readFileSync(join(into, 'debootstrap/x'), 'utf8'), 'secret');
});

test('a manifest had a private file of the root copied under another mode, or a program get the set-user-ID bit', async (t) => {
  for (const mode of [0o600, 0o4755, 0o777]) {
    // Nobody else may read a file of this mode, and it is not rewritten.
    const stays = mode === 0o600;
    const sha256 = createHash('sha256').update('secret').digest('hex');
    const into = await lyingBundle(t, {role: 'data', path: '/debootstrap/x', sha256, size: 6, mode});
    writeFileSync(join(into, 'debootstrap/x'), 'secret');
    chmodSync(join(into, 'debootstrap/x'), mode);
    const work = bundle(['/bin/false'], {...place, into});
    if (stays) await t.notThrowsAsync(work);
    else await t.throwsAsync(work, {code: 'CHANGED', message: /cannot stay/});
    t.is(statSync(join(into, 'debootstrap/x')).mode & 0o7777, mode);
  }
});

test('a manifest that names sources has none of them opened', async (t) => {
  const source = join(tempDirectory(t), 'program');
  output('mkfifo', [source]);
  const into = await lyingBundle(t, {role: 'library', path: '/debootstrap/qemu-libs/libx.so', source});
  await t.throwsAsync(bundle(['/bin/false'], {...place, into}), {
    code: 'CHANGED',
    message: /libx\.so: cannot stay/,
  });
});

test(
  'a FIFO in the place of a manifest made bundle wait for ever',
  withTools((t) => {
    const into = tempDirectory(t);
    mkdirSync(join(into, 'debootstrap/qemu-libs'), {recursive: true});
    output('mkfifo', [join(into, list)]);
    const at = ['--into', into, '--prefix', place.prefix, '--libs', place.libs];
    const {status, stderr} = elfinterp(['bundle', '/bin/true', ...at], {timeout: 60_000});
    t.is(status, 0, stderr);
    t.deepEqual(verifyBundle(into).problems, []);
  }),
);

for (const [title, link] of [
  ['a directory that is missing', () => '/missing/../way/made'],
  ['/proc, which is mounted later', (outside: string) => `/proc/self/root${outside}/made`],
] as const) {
  test(
    `a link of resolv.conf through ${title} had a file made outside`,
    withTools((t) => {
      const [root, outside] = [tempDirectory(t), tempDirectory(t)];
      for (const name of ['bin', 'etc', 'proc']) mkdirSync(join(root, name));
      output('cp', ['test-binaries/x86_64/hello-static', join(root, 'bin/sh')]);
      symlinkSync(outside, join(root, 'way'));
      symlinkSync(link(outside), join(root, 'etc/resolv.conf'));
      const {status, stderr} = elfinterp(['chroot', 'run', '--resolv-conf', root, '--', '/bin/sh']);
      t.is(status, 1);
      t.regex(stderr, /a symbolic link to a place where no file can be created/);
      t.deepEqual(readdirSync(outside), []);
    }),
  );
}

test('an installation that failed in the middle lost the bundle that was there', async (t) => {
  const into = tempDirectory(t);
  const {manifest} = await bundle(['/bin/true'], {...place, into});
  using top = openDirectory(new Root(into).host);
  const interrupted = () =>
    changeBundle(top, (staging) => {
      mkdirSync(join(staging.path, 'new', manifest.libs), {recursive: true});
      return {
        version: 1,
        prepare: [
          {op: 'putAside', path: '/debootstrap/true'},
          {op: 'putAsideDirectory', path: manifest.libs, inode: 'of another one'},
        ],
        commit: {op: 'moveDirectoryIn', path: manifest.libs},
        finish: [],
      };
    });
  t.throws(interrupted, {code: 'CHANGED'});
  t.deepEqual(verifyBundle(into).problems, []);
  t.deepEqual(readdirSync(into), ['debootstrap']);
});

test('what a run left that was killed after its work was never cleared away', async (t) => {
  const into = tempDirectory(t);
  await bundle(['/bin/true'], {...place, into});
  mkdirSync(join(into, '.elfinterp-staging-999999999-x/replaced'), {recursive: true, mode: 0o700});
  symlinkSync('999999999-1', join(into, '.elfinterp-lock'));
  const {written} = await bundle(['/bin/true'], {...place, into});
  t.false(written);
  t.deepEqual(readdirSync(into), ['debootstrap']);
});

test('a file that cannot be looked at counted for one that is not there, and removal forgot it', (t) => {
  const root = new Root(tempDirectory(t));
  t.is(findOwn(root, '/nothing'), undefined);
  t.throws(() => findOwn(root, `/${'x'.repeat(300)}`), {code: 'FILE_SYSTEM'});
});

test('a note of many megabytes was taken for the name of an architecture', (t) => {
  const root = tempDirectory(t);
  mkdirSync(join(root, 'debootstrap'));
  writeFileSync(join(root, 'debootstrap/arch'), '');
  truncateSync(join(root, 'debootstrap/arch'), 1 << 28);
  t.is(findArchitecture(new Root(root)), undefined);
});

test(
  'the directories of a bundle were closed to others where the umask is strict',
  withTools((t) => {
    const into = join(tempDirectory(t), 'new');
    const words = ['sh', '-c', 'umask 077; exec "$@"', 'sh', process.execPath, 'bin/elfinterp.js'];
    const [tool = '', ...args] = [...words, 'bundle', '/bin/true', '--into', into];
    t.is(run(tool, args).status, 0);
    const modes = output('stat', ['-c', '%a', into, join(into, 'opt'), join(into, 'opt/true/lib')]);
    t.is(modes, '755\n755\n755\n');
  }),
);

test('an error told what a private link says, to whoever had root follow it', async (t) => {
  if (process.geteuid?.() !== 0) return t.pass('only root can read what is not for him');
  const directory = tempDirectory(t);
  chmodSync(directory, 0o755);
  const [priv, link] = [join(directory, 'private'), join(directory, 'link')];
  mkdirSync(priv, {mode: 0o700});
  writeFileSync(join(priv, 'secret name'), '', {mode: 0o600});
  symlinkSync('secret name', join(priv, 'current'));
  symlinkSync(join(priv, 'current'), link);
  lchownSync(link, 65534, 65534);
  const error = await t.throwsAsync(
    bundle(['/bin/true'], {...place, into: join(directory, 'into'), files: [{source: link}]}),
    {code: 'OUTSIDE'} as object,
  );
  t.regex(error.message, /\/link: user 65534 can change where this path points/);
  t.notRegex(error.message, /secret/);
});
