/*
 * The chroot commands' own part: options become a library call, and its result becomes text or JSON. What the calls do
 * is tested in test/chroot.
 */
import {mkdirSync, readdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {greeting, guestRoot} from '../chroot/guest-root.js';
import {elfinterp, program} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';

test(
  'install, verify and bundle as data',
  withTools((t) => {
    const root = guestRoot(t);
    const installed = JSON.parse(elfinterp(['chroot', 'install', root, '--json']).stdout);
    t.like(installed, {architecture: 'armel', evidence: '/bin/sh', native: false, own: null});
    t.like(installed.bundle, {prefix: '/debootstrap', written: true, isolated: true});
    t.is(path.basename(installed.emulators[0]), 'qemu-arm');
    const again = JSON.parse(elfinterp(['chroot', 'install', root, '--json']).stdout);
    t.deepEqual(again.bundle, {...installed.bundle, written: false});
    const verified = JSON.parse(elfinterp(['chroot', 'verify', root, '--json']).stdout);
    t.deepEqual(verified, {
      manifestPath: verified.manifestPath,
      programs: ['/debootstrap/qemu-arm'],
      files: installed.bundle.files.length,
      isolated: true,
      problems: [],
    });
  }),
);

test(
  'verify --run runs a program of the chroot, and fails with it',
  withTools((t) => {
    const root = guestRoot(t);
    t.is(elfinterp(['chroot', 'install', root]).status, 0);
    t.like(elfinterp(['chroot', 'verify', root, '--run', '/bin/sh']), {status: 0, stdout: '', stderr: ''});
    const {status, stderr} = elfinterp(['chroot', 'verify', root, '--run', '/bin/none']);
    t.is(status, 1);
    t.regex(stderr, /\/bin\/none/);
    const other = guestRoot(t);
    t.is(elfinterp(['chroot', 'install', other, '--libs', 'mine']).status, 0);
    const there = elfinterp(['chroot', 'verify', other, '--libs', 'mine', '--run', '/bin/sh']);
    t.like(there, {status: 0, stdout: '', stderr: ''});
  }),
);

test(
  'run --bind shows a directory at its own path or at another, and --env is checked',
  withTools((t) => {
    const root = guestRoot(t);
    t.is(elfinterp(['chroot', 'install', root]).status, 0);
    const outside = tempDirectory(t);
    writeFileSync(path.join(outside, 'file'), '');
    mkdirSync(path.join(root, 'mnt'));
    mkdirSync(path.join(root, outside), {recursive: true});
    const start = ['chroot', 'run', root];
    for (const bind of [`${outside}:/mnt`, outside])
      t.like(elfinterp([...start, '--bind', bind, '--', '/bin/sh']), {
        status: 0,
        stdout: greeting,
        stderr: '',
      });
    t.like(elfinterp([...start, '--env', 'A=', '--env', 'B=c=d', '--', '/bin/sh']), {
      status: 0,
      stdout: greeting,
    });
    mkdirSync(path.join(root, 'proc/own'), {recursive: true});
    t.like(elfinterp([...start, '--bind', `${outside}:/proc/own`, '--', '/bin/sh']), {status: 1, stdout: ''});
    const {status, stderr} = elfinterp([...start, '--env', 'NAME', '--', '/bin/sh']);
    t.deepEqual(
      [status, stderr],
      [2, 'elfinterp: --env NAME: expected NAME=VALUE; see elfinterp chroot run --help\n'],
    );
  }),
);

test('an empty path is not the working directory', (t) => {
  const cwd = tempDirectory(t);
  for (const args of [
    ['chroot', 'install', '', 'qemu-arm', '--arch', 'armhf'],
    ['chroot', 'run', '', '--', 'true'],
    ['chroot', 'verify', ''],
    ['chroot', 'remove', ''],
    ['chroot', 'create', '--resume', ''],
    ['doctor', ''],
    ['bundle', '/bin/true', '--into', ''],
  ]) {
    const {status, stderr} = elfinterp(args, {cwd});
    t.deepEqual([status, stderr], [1, "elfinterp: '': no such file or directory\n"], args.join(' '));
  }
  t.deepEqual(readdirSync(cwd), []);
});

test(
  'a directory of PATH that has the name of a tool is not the tool',
  withTools((t) => {
    const [directory, root] = [tempDirectory(t), guestRoot(t)];
    for (const name of ['env', 'mkdir', 'mount', 'setpriv', 'sh', 'unshare', 'qemu-arm'])
      mkdirSync(path.join(directory, name));
    const env = {PATH: `${directory}:${process.env.PATH}`};
    t.like(elfinterp(['chroot', 'run', root, '--', '/bin/sh'], {env}), {status: 0, stderr: ''});
  }),
);

for (const [descriptors, opened] of [
  ['with an inherited descriptor', 'exec 9</dev/null'],
  ['without one', 'for open in $(ls /proc/self/fd); do test $open -lt 3 || eval "exec $open>&-"; done'],
] as const) {
  test(
    `where /dev/null is missing, that is said, ${descriptors}`,
    withTools((t) => {
      const script = [
        opened,
        'mount -t tmpfs tmpfs /dev',
        `exec ${process.execPath} ${program} chroot run ${guestRoot(t)} -- /bin/sh`,
      ].join('\n');
      const {stderr} = run('unshare', ['--user', '--map-root-user', '--mount', 'bash', '-ec', script]);
      t.is(stderr, 'elfinterp: /dev/null: cannot start a process: no such file or directory\n');
    }),
  );
}
