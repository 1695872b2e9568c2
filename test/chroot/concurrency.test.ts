/* Several elfinterps in one root at the same moment. */
import {execFile, spawn} from 'node:child_process';
import {chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {verifyBundle} from '../../src/chroot/verify.js';
import {elfinterp, program} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';
import {greeting, guestRoot} from './guest-root.js';
import {hostEntries} from './helpers.js';

interface Said {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function start(...args: readonly string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, stdout, stderr) => {
      resolve({status: error === null ? 0 : Number(error.code), stdout, stderr});
    });
  });
}

const rounds = [1, 2, 3];

for (const [title, emulators] of [
  ['two installs of two emulators at once leave both', ['qemu-arm', 'qemu-aarch64']],
  ['two installs of one emulator at once leave it', ['qemu-arm', 'qemu-arm']],
] as const) {
  test(
    title,
    withTools(async (t) => {
      for (const _ of rounds) {
        const root = guestRoot(t);
        const said = await Promise.all(emulators.map((name) => start('chroot', 'install', root, name)));
        for (const {status, stderr} of said) {
          t.is(status, 0);
          // True of whoever comes first.
          t.regex(
            stderr,
            /^(elfinterp: programs of this chroot \(armel\) need qemu-arm, not qemu-aarch64\n)?$/,
          );
        }
        const {manifest, problems} = verifyBundle(root);
        t.deepEqual(problems, []);
        t.is(manifest.programs.length, new Set(emulators).size);
        t.deepEqual(leftIn(root), []);
        t.is(elfinterp(['chroot', 'run', root, '--', '/bin/sh']).stdout, greeting);
      }
    }),
  );
}

test('two bundles into one directory at once leave both programs', async (t) => {
  for (const _ of rounds) {
    const into = join(tempDirectory(t), 'new');
    const said = await Promise.all(
      ['/bin/true', '/bin/false'].map((name) =>
        start('bundle', name, '--into', into, '--prefix', '/debootstrap', '--libs', 'qemu-libs'),
      ),
    );
    for (const {status, stderr} of said) t.is(status, 0, stderr);
    t.deepEqual(verifyBundle(into).problems, []);
    t.deepEqual(readdirSync(join(into, 'debootstrap')).sort(), ['false', 'qemu-libs', 'true']);
    t.deepEqual(leftIn(into), []);
  }
});

test(
  'an install and a removal at once leave a whole bundle or none',
  withTools(async (t) => {
    for (const _ of rounds) {
      const root = guestRoot(t);
      t.is(elfinterp(['chroot', 'install', root]).status, 0);
      const said = await Promise.all([
        start('chroot', 'install', root, 'qemu-aarch64'),
        start('chroot', 'remove', root),
      ]);
      for (const {status, stderr} of said) t.is(status, 0, stderr);
      if (existsSync(join(root, 'debootstrap'))) t.deepEqual(verifyBundle(root).problems, []);
      t.deepEqual(leftIn(root), []);
    }
  }),
);

test(
  'two runs in one chroot at once each have their emulator, and leave nothing',
  withTools(async (t) => {
    const root = guestRoot(t);
    t.is(elfinterp(['chroot', 'install', root]).status, 0);
    const entries = hostEntries();
    const said = await Promise.all([1, 2, 3, 4].map(() => start('chroot', 'run', root, '--', '/bin/sh')));
    for (const one of said) t.deepEqual(one, {status: 0, stdout: greeting, stderr: ''});
    t.deepEqual(hostEntries(), entries);
    t.deepEqual(leftIn(root), []);
  }),
);

test(
  'a bundle that is executing is not replaced, and the run goes on with it',
  withTools(async (t) => {
    const root = guestRoot(t);
    output('arm-linux-gnueabi-gcc', ['-static', '-o', join(root, 'bin/guest'), 'test/chroot/guest.c']);
    t.is(elfinterp(['chroot', 'install', root, 'qemu-arm']).status, 0);
    const command = [program, 'chroot', 'run', root, '--', '/bin/guest', 'uname', 'stdin', 'uname'];
    const run = spawn(process.execPath, command, {stdio: ['pipe', 'pipe', 'inherit']});
    t.teardown(() => run.kill());
    const ended = new Promise((resolve) => run.once('close', resolve));
    let said = '';
    await new Promise<void>((resolve) => {
      run.stdout.on('data', (text) => {
        said += text;
        resolve();
      });
    });
    const other = await start('chroot', 'install', root, 'qemu-aarch64');
    t.is(other.status, 1);
    t.regex(other.stderr, /the bundle is in use: process \d+ .* runs it/);
    const same = await start('chroot', 'install', root, 'qemu-arm');
    t.is(same.status, 0, same.stderr);
    t.deepEqual(verifyBundle(root).problems, []);
    run.stdin.end('x\n');
    t.is(await ended, 0);
    t.is(said.match(/armv7l/g)?.length, 2, said);
    t.is((await start('chroot', 'install', root, 'qemu-aarch64')).status, 0);
  }),
);

test('the lock of a process that is gone is taken away, and one of another process that has its number', (t) => {
  for (const holder of ['999999999-1', `${process.pid}-1`, 'nobody']) {
    const into = tempDirectory(t);
    symlinkSync(holder, join(into, '.elfinterp-lock'));
    const {status, stderr} = elfinterp(['bundle', '/bin/true', '--into', into]);
    t.is(status, 0, stderr);
    t.deepEqual(leftIn(into), []);
  }
});

test('what is no lock but stands in its place is named', (t) => {
  const into = tempDirectory(t);
  mkdirSync(join(into, '.elfinterp-lock'));
  chmodSync(into, 0o755);
  const {status, stderr} = elfinterp(['bundle', '/bin/true', '--into', into]);
  t.is(status, 1);
  t.regex(
    stderr,
    /another elfinterp process is working here \(expected its lock \.elfinterp-lock to disappear/,
  );
  t.deepEqual(readdirSync(into), ['.elfinterp-lock']);
});

function leftIn(root: string): readonly string[] {
  return readdirSync(root).filter((name) => name.startsWith('.elfinterp-'));
}
