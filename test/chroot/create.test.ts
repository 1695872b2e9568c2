/*
 * A Debian system for armel from the mirror, made once: interrupted by `kill -9` in its second stage, cleaned, then
 * finished; later tests use the result. Needs the network, debootstrap, and some minutes.
 */
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {createChroot, resumeChroot} from '../../src/chroot/create.js';
import {ElfError} from '../../src/errors.js';
import {ownIdentity} from '../../src/write/process-identity.js';
import {elfinterp, elfinterpAsNobody, program} from '../helpers/cli.js';
import {ownCache} from '../helpers/own-cache.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, pathOf, run} from '../helpers/tools.js';
import {hostEntries, processesWith} from './helpers.js';

const needed = {'/usr/sbin/debootstrap': 'debootstrap', [pathOf('qemu-arm')]: 'qemu-user'};
const missing = Object.entries(needed).flatMap(([path, debian]) => (existsSync(path) ? [] : [debian]));
const allowed = process.env.ELFINTERP_TEST_SKIP_MISSING === '1';
/** An ordinary user without subordinate ids cannot run the second stage. */
const onRoot = process.geteuid?.() === 0;
const createTest = missing.length > 0 && allowed ? test.serial.skip : test.serial;

const work = mkdtempSync(join(tmpdir(), 'elfinterp-create-'));
chmodSync(work, 0o755);
const target = join(work, 'c');
const log = join(work, 'log');
let system = false;

test.after.always(() => {
  // Some files of an ordinary user's chroot belong to subordinate ids.
  if (onRoot) rmSync(work, {recursive: true, force: true});
  else run('unshare', ['--map-root-user', '--map-auto', 'rm', '-rf', work]);
});

/** The mounts of this namespace, without their numbers. */
function mounts(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
  return lines.map((line) => line.split(' ').slice(3, 6).join(' '));
}

/** Files of an emulator anywhere in the chroot. */
function emulatorFiles(): string[] {
  const names = ['-name', '*qemu*', '-o', '-name', '*elfinterp*'];
  const own = join(target, '.elfinterp-create');
  return output('find', [target, ...names])
    .split('\n')
    .filter((file) => file !== '' && file !== own);
}

async function waitFor(text: string, child: ChildProcess): Promise<void> {
  for (let i = 0; i < 7000; i += 1) {
    if (existsSync(log) && readFileSync(log, 'utf8').includes(text)) return;
    if (child.exitCode !== null)
      throw new Error(`it ended before '${text}':\n${readFileSync(log, 'utf8').slice(-2000)}`);
    await setTimeout(200);
  }
  throw new Error(`no '${text}' after 20 minutes`);
}

createTest('kill -9 in the second stage leaves no process, no mount and no entry', async (t) => {
  t.timeout(1_500_000);
  t.deepEqual(missing, [], 'Debian packages to install');
  const before = {mounts: mounts(), entries: hostEntries()};
  const command = [
    program,
    'chroot',
    'create',
    'bookworm',
    target,
    '--arch',
    'armel',
    '--variant',
    'minbase',
  ];
  const child = spawn('sh', ['-c', 'exec "$@" >"$0" 2>&1', log, process.execPath, ...command]);
  await waitFor('Unpacking required packages', child);
  t.true(processesWith(target).length > 0);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await setTimeout(1000);
  t.deepEqual(processesWith(ownCache), [], 'of the emulator');
  t.deepEqual(processesWith(target), []);
  t.deepEqual({mounts: mounts(), entries: hostEntries()}, before);
});

createTest('no file of an emulator was ever in it', (t) => {
  t.deepEqual(emulatorFiles(), []);
  t.true(existsSync(join(target, 'debootstrap/debootstrap')));
});

createTest('a second creation in the same directory is refused, and says how to go on', (t) => {
  const {status, stderr} = elfinterp(['chroot', 'create', 'bookworm', target, '--arch', 'armel']);
  t.is(status, 1);
  t.regex(stderr, /first stage of debootstrap is already done here \(expected chroot create --resume/);
});

createTest('--resume finishes it', (t) => {
  t.timeout(1_500_000);
  const {status, stdout, stderr} = elfinterp(['chroot', 'create', '--resume', target, '--keep'], {
    timeout: 1_500_000,
  });
  t.is(status, 0, stderr.slice(-2000));
  t.is(stdout, `${target}\n`);
  t.regex(stderr, /^I: Base system installed successfully\.$/m);
  t.false(existsSync(join(target, 'debootstrap')));
  system = true;
});

createTest('apt, perl and ldd work in it, with nothing on standard error', (t) => {
  t.true(system, 'there is a system');
  const inside = (...command: string[]) => elfinterp(['chroot', 'run', target, '--', ...command]);
  const apt = inside('apt-get', '--version');
  t.regex(apt.stdout, /^apt [\d.]+ \(armel\)$/m);
  t.deepEqual([apt.status, apt.stderr], [0, '']);
  t.deepEqual(inside('perl', '-e', 'print 6 * 7'), {status: 0, signal: null, stdout: '42', stderr: ''});
  const ldd = inside('ldd', '/bin/ls');
  t.regex(ldd.stdout, /libc\.so\.6 => \/lib\/arm-linux-gnueabi\/libc\.so\.6/);
  t.notRegex(ldd.stdout, /x86|qemu|gnutls/);
  t.is(ldd.stderr, '');
  t.is(inside('dpkg', '--audit').stdout, '');
});

createTest(
  'its bundle is sound, doctor finds nothing, and removing it leaves no file of an emulator',
  (t) => {
    t.true(system, 'there is a system');
    t.is(elfinterp(['chroot', 'verify', target]).status, 0);
    t.deepEqual(elfinterp(['doctor', target]), {status: 0, signal: null, stdout: '', stderr: ''});
    t.is(elfinterp(['chroot', 'remove', target]).status, 0);
    t.deepEqual(emulatorFiles(), []);
    t.is(elfinterp(['chroot', 'run', target, '--', 'true']).status, 0, 'with the emulator of this machine');
    t.deepEqual(emulatorFiles(), []);
  },
);

createTest('a failing first stage says where the log is', (t) => {
  const other = join(work, 'other');
  const mirror = 'http://localhost:1/debian';
  const {status, stderr} = elfinterp(['chroot', 'create', 'bookworm', other, mirror, '--arch', 'armel']);
  t.is(status, 1);
  t.regex(
    stderr,
    /other\/debootstrap\/debootstrap\.log: debootstrap's first stage failed; you can retry with the same directory/,
  );
  t.true(existsSync(join(other, 'debootstrap/debootstrap.log')));
});

createTest('what is after -- goes to debootstrap', (t) => {
  const {status, stderr} = elfinterp([
    'chroot',
    'create',
    'bookworm',
    join(work, 'x'),
    '--arch',
    'armel',
    '--',
    '--oops',
  ]);
  t.is(status, 1);
  t.regex(stderr, /unrecognized or invalid option --oops/);
});

test('a directory that holds something is not used', async (t) => {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'mine'), '');
  const error = await t.throwsAsync(createChroot('bookworm', directory, {architecture: 'armel'}), {
    instanceOf: ElfError,
  });
  t.regex(
    String(error),
    /the directory is not empty \(expected an empty directory, or a new one, got mine\)/,
  );
  t.deepEqual(readdirSync(directory), ['mine']);
});

test('an architecture that nothing emulates is refused before anything is made', async (t) => {
  const directory = join(tempDirectory(t), 'c');
  await t.throwsAsync(createChroot('bookworm', directory, {architecture: 'x32'}), {
    message: /architecture x32/,
  });
  t.false(existsSync(directory));
});

test('a path that debootstrap would take apart is refused before anything is made, through a link as well', async (t) => {
  const parent = tempDirectory(t);
  mkdirSync(join(parent, 'with space'));
  symlinkSync('with space', join(parent, 'link'));
  for (const name of ['SD card', 'a*', 'link/new']) {
    const making = createChroot('bookworm', join(parent, name), {architecture: 'i386'});
    await t.throwsAsync(making, {code: 'UNSUPPORTED', message: /debootstrap cannot work in a directory/});
  }
  t.deepEqual(readdirSync(parent).sort(), ['link', 'with space']);
  t.deepEqual(readdirSync(join(parent, 'with space')), []);
});

test('resuming needs a first stage', async (t) => {
  const directory = tempDirectory(t);
  mkdirSync(join(directory, 'debootstrap'));
  await t.throwsAsync(resumeChroot(directory), {message: /first stage is not complete here/});
});

test('an ordinary user without subordinate ids is told what is needed', (t) => {
  if (!onRoot) return t.pass('only root can be somebody else');
  const {status, stderr} = elfinterpAsNobody([
    'chroot',
    'create',
    'bookworm',
    '/tmp/none',
    '--arch',
    'armel',
  ]);
  t.is(status, 1);
  t.regex(stderr, /packages cannot be installed with a single user id .*\/etc\/subuid/);
  t.false(existsSync('/tmp/none'));
});

test('root unpacks nothing of which the signature cannot be checked, unless told to', async (t) => {
  const directory = tempDirectory(t);
  const arguments_ = join(directory, 'arguments');
  writeFileSync(join(directory, 'debootstrap'), `#!/bin/sh\necho "$*" >${arguments_}; exit 3\n`, {
    mode: 0o755,
  });
  const asked = (...args: string[]) => {
    const target = join(directory, `target${args.length}`);
    const PATH = `${directory}:${process.env.PATH}`;
    elfinterp(['chroot', 'create', 'bookworm', target, '--arch', 'armel', ...args], {env: {PATH}});
    return readFileSync(arguments_, 'utf8').split(' ');
  };
  const isRoot = process.geteuid?.() === 0;
  t.is(asked().includes('--force-check-gpg'), isRoot);
  t.true(asked('--check-gpg').includes('--force-check-gpg'));
  for (const words of [
    ['--no-check-gpg', '--keep'],
    ['--keep', '--', '--no-check-gpg'],
  ]) {
    const got = asked(...words);
    t.false(got.includes('--force-check-gpg'));
    t.is(got.filter((word) => word === '--no-check-gpg').length, 1);
  }
});

test('a wrong command line is told, and nothing is made', (t) => {
  for (const [args, message] of [
    [['bookworm'], /an argument is missing/],
    [['bookworm', '/tmp/none'], /--arch is missing/],
    [['bookworm', '/tmp/none', '--resume', '/tmp/none'], /--resume cannot be combined/],
  ] as const) {
    const {status, stderr} = elfinterp(['chroot', 'create', ...args]);
    t.is(status, 2);
    t.regex(stderr, message);
  }
});

test('a directory of another program with the name of a first stage is not used', async (t) => {
  const directory = tempDirectory(t);
  mkdirSync(join(directory, 'debootstrap'));
  writeFileSync(join(directory, 'debootstrap/thesis.txt'), 'mine');
  await t.throwsAsync(createChroot('bookworm', directory, {architecture: 'armel'}), {
    code: 'CONFLICT',
    message: /the directory is not empty/,
  });
  t.deepEqual(readdirSync(join(directory, 'debootstrap')), ['thesis.txt']);
});

/** What a first stage leaves, as far as resuming looks at it. */
function firstStage(t: ExecutionContext): {directory: string; status: string} {
  const directory = tempDirectory(t);
  const status = join(directory, 'var/lib/dpkg/status');
  for (const name of ['debootstrap', 'etc/apt', 'var/lib/dpkg', 'var/log'])
    mkdirSync(join(directory, name), {recursive: true});
  writeFileSync(join(directory, 'debootstrap/debootstrap'), '');
  writeFileSync(join(directory, 'debootstrap/arch'), 'armel');
  writeFileSync(join(directory, 'etc/apt/sources.list'), '');
  writeFileSync(status, 'Package: dpkg\nArchitecture: armel\n');
  return {directory, status};
}

test('what dpkg knows of a complete system is not undone by resuming', async (t) => {
  const {directory, status} = firstStage(t);
  const before = readFileSync(status, 'utf8');
  const emulators = ['/nonexistent/qemu-arm'];
  await t.throwsAsync(resumeChroot(directory, {emulators}), {
    code: 'FILE_SYSTEM',
    message: /qemu-arm: cannot open/,
  });
  t.is(readFileSync(status, 'utf8'), before);
  writeFileSync(join(directory, 'var/log/bootstrap.log'), '');
  await t.throwsAsync(resumeChroot(directory), {message: /both stages of debootstrap are already done/});
  t.is(readFileSync(status, 'utf8'), before);
});

test('two runs in one directory do not both go on, and one that failed can be repeated', async (t) => {
  const {directory, status} = firstStage(t);
  const before = readFileSync(status, 'utf8');
  const mark = join(directory, '.elfinterp-create');
  symlinkSync(ownIdentity(), mark);
  await t.throwsAsync(resumeChroot(directory), {
    code: 'BUSY',
    message: /another elfinterp process is working here/,
  });
  t.is(readFileSync(status, 'utf8'), before);
  for (const holder of ['1-1-00000000', 'unfinished']) {
    rmSync(mark);
    symlinkSync(holder, mark);
    if (holder === '1-1-00000000') {
      await t.throwsAsync(resumeChroot(directory), {code: 'BUSY'});
      continue;
    }
    // There is no program in it.
    await t.throwsAsync(resumeChroot(directory, {progress: 'ignore'}), {code: 'COMMAND_FAILED'});
    t.is(readlinkSync(mark), 'unfinished');
    t.is(readFileSync(status, 'utf8'), '');
    t.is(readFileSync(`${status}.elfinterp-old`, 'utf8'), before);
  }
});
