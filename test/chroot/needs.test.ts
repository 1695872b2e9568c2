/*
 * What programs of a root need besides files: devices, the name of the machine, setuid bits. Each is present, or
 * reported as missing.
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {diagnose} from '../../src/chroot/doctor/diagnose.js';
import {elfinterp} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {withTools} from '../helpers/tools.js';
import {guestRoot} from './guest-root.js';

const cat = '/opt/cat/cat';

test(
  'a bundle that has no /dev and no /proc is run without them, and that is said',
  withTools(async (t) => {
    const into = tempDirectory(t);
    await bundle(['/bin/cat'], {into});
    const run = (...args: string[]) => elfinterp(['chroot', 'run', into, ...args]);
    const without = run('--', cat, '/dev/null');
    t.is(without.status, 1);
    const directories = `mkdir ${into}/dev ${into}/proc`;
    const warning = `the chroot has no /dev and no /proc, so nothing is mounted there (${directories})\n`;
    t.true(without.stderr.startsWith(`elfinterp: ${warning}`), without.stderr);
    mkdirSync(join(into, 'dev'));
    t.regex(run('--', cat, '/dev/null').stderr, /the chroot has no \/proc, so/);
    mkdirSync(join(into, 'proc'));
    const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'].map((name) => `/dev/${name}`);
    const {status, stdout, stderr} = run('--', cat, '/dev/null', '/proc/self/mountinfo');
    t.deepEqual([status, stderr], [0, '']);
    for (const device of devices) t.true(stdout.includes(` ${device} `), device);
  }),
);

test(
  "the machine's /etc/hosts is there if it is asked for, and in place of an empty one",
  withTools(async (t) => {
    const into = tempDirectory(t);
    await bundle(['/bin/cat'], {into});
    for (const name of ['dev', 'proc', 'etc']) mkdirSync(join(into, name));
    const hosts = join(into, 'etc/hosts');
    const machine = readFileSync('/etc/hosts', 'utf8');
    const show = (...args: string[]) => elfinterp(['chroot', 'run', ...args, into, '--', cat, '/etc/hosts']);
    t.is(show().status, 1, 'there is none');
    writeFileSync(hosts, 'mine\n');
    t.is(show().stdout, 'mine\n');
    t.is(show('--hosts').stdout, machine);
    t.is(readFileSync(hosts, 'utf8'), 'mine\n');
    writeFileSync(hosts, '');
    t.is(show().stdout, machine);
    t.is(show('--no-hosts').stdout, '');
    t.is(statSync(hosts).size, 0);
  }),
);

test(
  'doctor says what sudo needs',
  withTools((t) => {
    const root = guestRoot(t);
    const found = () => diagnose(root).filter(({code}) => code === 'SETUID');
    t.deepEqual(found(), []);
    mkdirSync(join(root, 'usr/bin'), {recursive: true});
    const sudo = join(root, 'usr/bin/sudo');
    copyFileSync(join(root, 'bin/sh'), sudo);
    chmodSync(sudo, 0o755);
    t.deepEqual(found(), []);
    chmodSync(sudo, 0o4755);
    const [finding] = found();
    t.is(finding?.severity, 'doubtful');
    t.regex(finding?.what ?? '', /effective uid is not 0.*unable to resolve host/);
    t.regex(finding?.remedy ?? '', /chroot run --flags PC --hosts /);
  }),
);

test(
  "a device of the machine can be added to the chroot's own /dev, and a directory",
  withTools(async (t) => {
    const [into, source] = [tempDirectory(t), tempDirectory(t)];
    await bundle(['/bin/cat'], {into});
    for (const name of ['dev', 'proc']) mkdirSync(join(into, name));
    writeFileSync(join(source, 'file'), 'shared\n');
    const binds = ['/dev/zero:/dev/more/zero', `${source}:/dev/shm`, `${source}/file:/dev/file`];
    const args = ['chroot', 'run', ...binds.flatMap((bind) => ['--bind', bind]), into, '--', cat];
    const {status, stdout, stderr} = elfinterp([
      ...args,
      '/dev/shm/file',
      '/dev/file',
      '/proc/self/mountinfo',
    ]);
    t.deepEqual([status, stderr], [0, '']);
    t.true(stdout.startsWith('shared\nshared\n'));
    t.true(stdout.includes(' /dev/more/zero '));
    t.deepEqual(readdirSync(join(into, 'dev')), []);
    const onDevice = elfinterp([
      'chroot',
      'run',
      '--bind',
      `${source}/file:/dev/tty`,
      into,
      '--',
      cat,
      '/dev/tty',
    ]);
    t.deepEqual(onDevice, {status: 0, signal: null, stdout: 'shared\n', stderr: ''});
    const below = elfinterp(['chroot', 'run', '--bind', `${source}/file:/dev/null/x`, into, '--', cat]);
    t.regex(below.stderr, /^elfinterp: cannot mount \/dev\/null\/x \(got /);
    const onLink = elfinterp(['chroot', 'run', '--bind', `${source}/file:/dev/stdin`, into, '--', cat]);
    t.regex(onLink.stderr, /nothing can be mounted on \/dev\/stdin \(expected a place that is not a link/);
    const underOwn = elfinterp([
      'chroot',
      'run',
      '--bind',
      '/dev',
      '--bind',
      '/dev/x:/dev/x',
      into,
      '--',
      cat,
    ]);
    t.is(underOwn.status, 1);
  }),
);

test(
  'nothing is made in a directory of the machine that is mounted below /dev',
  withTools(async (t) => {
    const [into, source, outside] = [tempDirectory(t), tempDirectory(t), tempDirectory(t)];
    await bundle(['/bin/cat'], {into});
    for (const name of ['dev', 'proc']) mkdirSync(join(into, name));
    writeFileSync(join(outside, 'file'), 'shared\n');
    symlinkSync(join(outside, 'made'), join(source, 'link'));
    symlinkSync(outside, join(source, 'way'));
    const data = ['--bind', `${source}:/dev/data`];
    const bindTo = (place: string) => {
      const bind = ['--bind', `${outside}/file:/dev/data/${place}`];
      return elfinterp(['chroot', 'run', ...data, ...bind, into, '--', cat]).status;
    };
    for (const place of ['plain', 'way/made', 'way/deep/made']) t.is(bindTo(place), 1, place);
    // mount(8) refuses the dangling link; util-linux 2.41 mounts over the link itself.
    t.regex(String(bindTo('link')), /^[01]$/);
    t.deepEqual(readdirSync(source).sort(), ['link', 'way']);
    t.deepEqual(readdirSync(outside), ['file']);
  }),
);
