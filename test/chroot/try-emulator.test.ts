/* The tiny program of every target, started by the kernel through an entry of a private table, and by its emulator. */
import {mkdirSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {isNativeTarget, qemuTargets, targetOfFile} from '../../src/binfmt/targets.js';
import {guestStatus, tinyGuest} from '../../src/binfmt/tiny-guest.js';
import {elfinterp, program} from '../helpers/cli.js';
import {inNamespace} from '../helpers/private-table.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, pathOf, run, withTools} from '../helpers/tools.js';
import {guestRoot} from './guest-root.js';

/** Targets that have an emulator in Debian's qemu-user; i486 is the machine's own. */
const emulated = qemuTargets.filter((target) => !isNativeTarget(target));

test('every target has a tiny program, which begins as its programs do', (t) => {
  for (const target of qemuTargets) {
    const guest = tinyGuest(target);
    t.is(guest === undefined ? undefined : targetOfFile(guest), target, target.name);
  }
});

test(
  'every emulator runs the tiny program of its target',
  withTools((t) => {
    const lines = emulated.map(
      ({name}) => `elfinterp binfmt register ${pathOf(`qemu-${name}`)} --test || echo ${name} failed`,
    );
    const {stdout, stderr} = inNamespace(lines.join('\n'));
    t.is(stderr, '');
    t.deepEqual(
      stdout.trim().split('\n'),
      emulated.map(({name}) => `qemu-${name}  ${pathOf(`qemu-${name}`)}`),
    );
  }),
);

test(
  'a registration is tried in the chroot that it is for, and nothing is left there',
  withTools((t) => {
    const root = guestRoot(t);
    elfinterp(['chroot', 'install', root]);
    const before = readdirSync(root);
    const register = `elfinterp binfmt register --chroot ${root} --test`;
    t.deepEqual(inNamespace(register), {
      status: 0,
      signal: null,
      stdout: 'qemu-arm  /debootstrap/qemu-arm\n',
      stderr: '',
    });
    rmSync(join(root, 'debootstrap/qemu-libs/libz.so.1'));
    const {status, stdout, stderr} = inNamespace(`${register}; s=$?; ls /proc/sys/fs/binfmt_misc; exit $s`);
    t.deepEqual([status, stdout], [1, 'register\nstatus\n'], 'the entry does not stay');
    t.regex(stderr, /a program for arm does not run with the entry 'qemu-arm' \(got .*libz\.so\.1/);
    t.deepEqual(readdirSync(root), before);
  }),
);

test('an emulator that is nowhere is noticed', (t) => {
  const {status, stderr} = inNamespace('elfinterp binfmt register /opt/nowhere/qemu-arm --test');
  t.is(status, 1);
  t.regex(
    stderr,
    /\/opt\/nowhere\/qemu-arm: a program for arm does not run with the entry 'qemu-arm' \(got .*ENOENT\)/,
  );
});

test('the tiny programs of this machine run without an emulator', (t) => {
  for (const target of qemuTargets.filter((each) => isNativeTarget(each))) {
    const path = join(tempDirectory(t), target.name);
    writeFileSync(path, tinyGuest(target) ?? '', {mode: 0o755});
    t.is(run(path, []).status, guestStatus, target.name);
  }
});

for (const signal of ['TERM', 'HUP', 'INT']) {
  test(
    `a test that SIG${signal} ends leaves nothing`,
    withTools((t) => {
      const directory = tempDirectory(t);
      const [emulators, kept, temporary] = ['emulators', 'kept', 'temporary'].map((name) => {
        const path = join(directory, name);
        mkdirSync(path);
        return path;
      });
      const source = join(directory, 'endless.c');
      writeFileSync(source, '#include <unistd.h>\nint main(void) { alarm(30); for (;;) pause(); }\n');
      output('gcc', ['-o', join(`${emulators}`, 'qemu-arm'), source]);
      const command = `${process.execPath} ${program} binfmt register`;
      const endedBy = (words: string) => `
        ${command} ${words} &
        until [ "$(ls -A ${temporary})" ] && ls /proc/sys/fs/binfmt_misc | grep -q arm; do sleep 0.05; done
        kill -${signal} $!
        wait $!
        kill -l $?
        ls /proc/sys/fs/binfmt_misc; ls -A ${kept} ${temporary}`;
      const nothing = `${signal}\nregister\nstatus\n${kept}:\n\n${temporary}:\n`;
      const env = `export TMPDIR=${temporary} PATH=${emulators}:$PATH`;
      t.is(inNamespace(`${env}; ${endedBy(`${emulators}/qemu-arm --test`)}`).stdout, nothing);
      t.is(inNamespace(`${env}; ${endedBy(`qemu-arm --into ${kept}`)}`).stdout, nothing);
    }),
  );
}
