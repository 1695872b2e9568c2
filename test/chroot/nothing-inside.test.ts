/*
 * Chroots that nothing is put into: this machine's shared emulator is packed into one file in a cache, and registered
 * with flag F in a private table.
 */
import {createHash} from 'node:crypto';
import {copyFileSync, lstatSync, readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {elfinterp, elfinterpAsNobody} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {ownCache} from '../helpers/own-cache.js';
import {defineElfinterp, inNamespace} from '../helpers/private-table.js';
import {tempDirectory} from '../helpers/temp.js';
import {pathOf, run, withTools} from '../helpers/tools.js';
import {greeting, guestRoot} from './guest-root.js';
import {hostEntries} from './helpers.js';

/** Everything about a tree except access times. */
function snapshot(root: string): readonly string[] {
  return ['.', ...readdirSync(root, {recursive: true, encoding: 'utf8'})].sort().map((name) => {
    const path = join(root, name);
    const {mode, uid, gid, size, mtimeMs, ctimeMs, ino, nlink} = lstatSync(path);
    const content =
      (mode & 0o170000) === 0o100000 ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
    const link = (mode & 0o170000) === 0o120000 ? readlinkSync(path) : '';
    return [name, mode, uid, gid, size, mtimeMs, ctimeMs, ino, nlink, content, link].join(' ');
  });
}

const outside = hostEntries();
test.after.always('the machine has the binfmt_misc entries that it had', (t) => t.is(hostEntries(), outside));

test.serial(
  'a program runs in a chroot that never saw elfinterp, and not a byte of it changes',
  withTools((t) => {
    const root = guestRoot(t);
    const before = snapshot(root);
    t.deepEqual(elfinterp(['chroot', 'run', root]), {status: 0, signal: null, stdout: greeting, stderr: ''});
    t.deepEqual(snapshot(root), before);
    const made = readdirSync(ownCache);
    t.is(made.length, 1);
    t.is(elfinterp(['chroot', 'run', root]).stdout, greeting);
    t.deepEqual(readdirSync(ownCache), made, 'the second time it comes out of the cache');
  }),
);

test.serial(
  'a read-only tree will do',
  withTools((t) => {
    const root = guestRoot(t);
    const script = `mount --bind ${root} ${root} && mount -o remount,bind,ro ${root} && elfinterp chroot run ${root}`;
    const {stdout, stderr} = run('unshare', ['-Urm', 'sh', '-ec', `${defineElfinterp}; ${script}`]);
    t.is(stdout, greeting, stderr);
  }),
);

test.serial(
  'without a cache of his own a user runs it all the same, and is told',
  withTools((t) => {
    const {stdout, stderr} = elfinterpAsNobody(['chroot', 'run', guestRoot(t)], {
      env: {ELFINTERP_CACHE: '/proc/nowhere'},
    });
    t.is(stdout, greeting, stderr);
    t.regex(stderr, /cannot use the cache, so the emulator is packed only for this run: \/proc/);
  }),
);

test.serial(
  'a cache that cannot be written to serves with what is in it, and does no harm without it',
  withTools((t) => {
    const root = guestRoot(t);
    elfinterp(['chroot', 'run', root]);
    const within = (mount: string, cache: string) =>
      run('unshare', [
        '-Urm',
        'sh',
        '-ec',
        `${defineElfinterp}; ${mount}; ELFINTERP_CACHE=${cache} elfinterp chroot run ${root}`,
      ]);
    const readOnly = (path: string) => `mount --bind ${path} ${path}; mount -o remount,bind,ro ${path}`;
    t.like(within(readOnly(ownCache), ownCache), {status: 0, stdout: greeting, stderr: ''});
    const empty = tempDirectory(t);
    const full = `mount -t tmpfs -o size=64k,mode=700 tmpfs ${empty}`;
    for (const mount of [readOnly(empty), full]) {
      const {stdout, stderr} = within(mount, empty);
      t.is(stdout, greeting, stderr);
      t.regex(
        stderr,
        /cannot use the cache, so the emulator is packed only for this run: .*(read-only|space)/,
      );
    }
  }),
);

test.serial(
  'an emulator that is named goes before the one in the chroot',
  withTools((t) => {
    const root = guestRoot(t);
    t.is(elfinterp(['chroot', 'run', root, '--emulator', pathOf('qemu-arm')]).stdout, greeting);
    const {status, stderr} = elfinterp(['chroot', 'run', root, '--emulator', '/bin/sh']);
    t.not(status, 0);
    t.not(stderr, '');
  }),
);

test.serial(
  'binfmt run: programs of another architecture start by themselves, where one is, as who one is',
  withTools((t) => {
    const cwd = tempDirectory(t);
    copyFileSync(fixture('armel/hello-static').path, join(cwd, 'hello'));
    const {status, stdout, stderr} = elfinterp(
      ['binfmt', 'run', 'armel', 'aarch64', '--', 'sh', '-c', './hello; ls /proc/sys/fs/binfmt_misc; exit 3'],
      {cwd},
    );
    t.is(status, 3, stderr);
    t.regex(stdout, /^hello from ARM: armv7l, argv\[0\]=\.\/hello\n/);
    t.regex(stdout, /qemu-aarch64\nqemu-arm\n/);
    const asNobody = elfinterpAsNobody(['binfmt', 'run', 'armel', '--id-map', 'own', '--', 'id', '-u'], {
      env: {ELFINTERP_CACHE: '/proc/nowhere'},
    });
    if (process.geteuid?.() === 0) t.is(asNobody.stdout, '65534\n', asNobody.stderr);
  }),
);

test('binfmt run: what is wrong is told', (t) => {
  t.is(elfinterp(['binfmt', 'run', 'armel']).status, 2);
  t.regex(elfinterp(['binfmt', 'run', 'pdp11', '--', 'true']).stderr, /no qemu-user target runs programs/);
});

test.serial(
  'binfmt register NAME: a shared emulator starts in a root that has nothing, and unregister takes it out',
  withTools((t) => {
    const root = guestRoot(t);
    const {stdout, stderr} = inNamespace(
      `elfinterp binfmt register qemu-arm && chroot ${root} /bin/sh; elfinterp binfmt register qemu-arm;
       elfinterp binfmt unregister qemu-arm; ls /proc/sys/fs/binfmt_misc`,
    );
    t.regex(
      stdout,
      new RegExp(
        `^qemu-arm  ${ownCache}/[0-9a-f]{40}/qemu-arm\n${greeting.replace(/[[\]]/g, '\\$&')}register\nstatus\n$`,
      ),
    );
    t.regex(stderr, /the name is already in use/);
  }),
);

test.serial(
  'binfmt register NAME: where no program may run, the entry is made and a warning given',
  withTools((t) => {
    const place = tempDirectory(t);
    const {status, stdout, stderr} = inNamespace(
      `mount -t tmpfs -o noexec,mode=755 tmpfs ${place}; TMPDIR=${place} elfinterp binfmt register qemu-arm`,
    );
    t.is(status, 0, stderr);
    t.regex(stdout, /^qemu-arm {2}/);
    t.regex(stderr, /: the entry 'qemu-arm' cannot be tested \(.*mounted with noexec\)\n$/);
  }),
);

test.serial(
  'binfmt register --into: the file is kept, and what cannot start leaves neither file nor entry',
  withTools((t) => {
    const kept = join(tempDirectory(t), 'kept');
    const line = inNamespace(`elfinterp binfmt register qemu-arm --export binfmt.d --into ${kept}`);
    t.regex(line.stdout, new RegExp(`:${kept}/qemu-arm:PF\n$`));
    t.regex(line.stderr, new RegExp(`packed into one file, ${kept}/qemu-arm\n`));
    t.deepEqual(readdirSync(kept), ['qemu-arm', 'qemu-arm.json']);
    const wrong = inNamespace(
      `elfinterp binfmt register /bin/true --target arm --flags F --into ${kept}; ls /proc/sys/fs/binfmt_misc`,
    );
    t.regex(wrong.stderr, /a program for arm does not run with the entry 'qemu-arm'/);
    t.is(wrong.stdout, 'register\nstatus\n');
    t.deepEqual(readdirSync(kept), ['qemu-arm', 'qemu-arm.json']);
  }),
);

test.serial(
  'chroot install --one-file puts a single file in',
  withTools((t) => {
    const root = guestRoot(t);
    t.is(elfinterp(['chroot', 'install', root, '--one-file']).status, 0);
    t.deepEqual(readdirSync(join(root, 'debootstrap')).sort(), ['qemu-arm', 'qemu-libs']);
    t.deepEqual(readdirSync(join(root, 'debootstrap/qemu-libs')), ['manifest.json']);
    t.is(elfinterp(['chroot', 'run', root]).stdout, greeting);
    t.is(elfinterp(['chroot', 'verify', root]).status, 0);
    t.is(elfinterp(['chroot', 'remove', root]).status, 0);
    t.false(readdirSync(root).includes('debootstrap'));
  }),
);

test.serial(
  'an emulator that is packed for one run has no file left when the command runs',
  withTools((t) => {
    const [cwd, temporary] = [tempDirectory(t), tempDirectory(t)];
    copyFileSync(fixture('armel/hello-static').path, join(cwd, 'hello'));
    const env = {TMPDIR: temporary, ELFINTERP_CACHE: '/proc/nowhere'};
    const command = ['sh', '-c', `./hello; ls -A ${temporary}`];
    const {stdout, stderr} = elfinterp(['binfmt', 'run', 'armel', '--', ...command], {cwd, env});
    t.regex(stderr, /the emulator is packed only for this run/);
    t.is(stdout, 'hello from ARM: armv7l, argv[0]=./hello\n');
  }),
);
