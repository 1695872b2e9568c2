/* Real chroots, the real kernel, a real shared qemu-arm; programs of ours as guests. */
import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {runInChroot} from '../../src/chroot/run.js';
import {ElfError} from '../../src/errors.js';
import {program, projectDirectory} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, pathOf} from '../helpers/tools.js';
import {
  hostEntries,
  makeChroot,
  missingTools,
  processesWith,
  removeChroot,
  type TestChroot,
  writeManifest,
} from './helpers.js';

const missing = missingTools();
const onRoot = process.geteuid?.() === 0;
const chrootTest = missing === undefined ? test : test.skip;
const rootTest = onRoot ? chrootTest : test.skip;
if (missing !== undefined) test(`skipped, ${missing}`, (t) => t.pass());

let chroot: TestChroot;
let before: string;

test.before(() => {
  if (missing !== undefined) return;
  before = hostEntries();
  chroot = makeChroot();
});
test.after.always('the machine has the binfmt_misc entries that it had', (t) => {
  if (missing !== undefined) return;
  removeChroot(chroot);
  t.is(hostEntries(), before);
});

const runner = resolve('build', 'test', 'chroot', 'runner.js');

interface Setting {
  readonly options?: object;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly root?: string;
  /** What runs the runner. */
  readonly through?: readonly string[];
}

/** Run a command in the chroot, and return the result. */
function run(
  command: readonly string[],
  {options = {}, input = '', env = {}, root, through = []}: Setting = {},
) {
  const [program = '', ...rest] = [
    ...through,
    process.execPath,
    runner,
    root ?? chroot.path,
    JSON.stringify(options),
    ...command,
  ];
  const {status, stdout, stderr} = spawnSync(program, rest, {
    input,
    env: {...process.env, ...env},
    encoding: 'utf8',
  });
  return {status, stdout, stderr};
}

/** A separate copy of the chroot, for tests that break it. */
function copyOfChroot(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'elfinterp-chroot-'));
  t.teardown(() => rmSync(path, {recursive: true, force: true}));
  chmodSync(path, 0o755);
  cpSync(chroot.path, path, {recursive: true});
  return path;
}

chrootTest('an ARM program runs, static or dynamic', (t) => {
  t.deepEqual(run(['/bin/guest', 'uname']), {status: 0, stdout: 'armv7l\n', stderr: ''});
  t.deepEqual(run(['/bin/guest-dynamic', 'uname']), {status: 0, stdout: 'armv7l\n', stderr: ''});
});

chrootTest('a program is found in the PATH, inside', (t) => {
  t.is(run(['guest', 'uname'], {env: {PATH: `/nowhere:/bin:${process.env.PATH}`}}).stdout, 'armv7l\n');
});

chrootTest('the exit status is passed on', (t) => {
  for (const status of [0, 1, 7, 126, 255]) t.is(run(['/bin/guest', 'exit', String(status)]).status, status);
});

chrootTest('death by a signal is 128 and its number', (t) => {
  for (const number of [1, 9, 15]) {
    t.deepEqual(run(['/bin/guest', 'kill', String(number)]), {status: 128 + number, stdout: '', stderr: ''});
  }
});

chrootTest("standard input, output and error are the caller's", (t) => {
  const result = run(['/bin/guest', 'stdin', 'err', 'problem'], {input: 'some input\n'});
  t.deepEqual(result, {status: 0, stdout: 'some input\n', stderr: 'problem\n'});
});

chrootTest('programs see the argv[0] that they were started with', (t) => {
  const {stdout} = run(['/bin/guest', 'exec', '/bin/guest-dynamic', 'another-name', 'argv0']);
  t.is(stdout, 'another-name of 2\n');
});

chrootTest('without flag P they see their path, which is what P is for', (t) => {
  const {stdout} = run(['/bin/guest', 'exec', '/bin/guest-dynamic', 'another-name', 'argv0'], {
    options: {flags: 'O'},
  });
  t.is(stdout, '/bin/guest-dynamic of 2\n');
});

chrootTest('flags O, C and F work too', (t) => {
  for (const flags of ['PO', 'POC', 'PF', 'POCF']) {
    t.is(run(['/bin/guest', 'uname'], {options: {flags}}).stdout, 'armv7l\n');
  }
});

chrootTest('the environment is passed on, less the directory left behind', (t) => {
  const {stdout} = run(['/bin/guest', 'env'], {env: {ELFINTERP_TEST: 'a b=c', PWD: '/x', OLDPWD: '/y'}});
  t.true(stdout.split('\n').includes('ELFINTERP_TEST=a b=c'));
  t.notRegex(stdout, /^(OLDPWD=|PWD=\/x)/m);
});

chrootTest('an environment that is given is the whole environment', (t) => {
  const {stdout} = run(['/bin/guest', 'env'], {options: {env: {A: '1', LANG: 'C'}}});
  t.deepEqual(
    stdout
      .trim()
      .split('\n')
      .filter((line) => !/^(PWD|_|SHLVL|PATH)=/.test(line))
      .sort(),
    ['A=1', 'LANG=C'],
  );
});

chrootTest('variables that the shell on the way has use for arrive unchanged', (t) => {
  const env = {IFS: 'x', line: 'a', message: 'b', newline: 'c', script: 'exit 77', what: 'd', word: 'e'};
  const {status, stdout} = run(['/bin/guest', 'env'], {options: {env}});
  t.is(status, 0);
  for (const [name, value] of Object.entries(env)) {
    if (name !== 'IFS') t.true(stdout.includes(`${name}=${value}\n`), name);
  }
});

chrootTest('a chroot with spaces and quotes in its path is entered, one with a newline refused', (t) => {
  const root = copyOfChroot(t);
  const odd = `${root}/it's "a" $(chroot) ;`;
  mkdirSync(odd);
  for (const name of ['bin', 'debootstrap', 'dev', 'proc']) renameSync(join(root, name), join(odd, name));
  t.is(run(['/bin/guest', 'uname'], {root: odd}).stdout, 'armv7l\n');
  renameSync(odd, `${root}/a\nend\nb`);
  t.regex(
    run(['/bin/guest'], {root: `${root}/a\nend\nb`}).stderr,
    /cannot mount a path that contains a newline/,
  );
});

chrootTest("the guest's LD_PRELOAD does not reach the programs of this machine on the way in", (t) => {
  const root = copyOfChroot(t);
  // The chroot's env(1): here a program that reports what it was started with.
  copyFileSync(join(root, 'bin/guest'), join(root, 'usr/bin/env'));
  const options = {env: {LD_PRELOAD: 'libfakeroot-sysv.so'}};
  t.deepEqual(run(['/bin/guest', 'uname'], {root, options}), {status: 0, stdout: 'armv7l\n', stderr: ''});
  t.regex(run(['/bin/guest', 'uname'], {options}).stderr, /^warning: the chroot has no env program/);
});

chrootTest('the working directory is /, or the one that is asked for', (t) => {
  t.is(run(['/bin/guest', 'cwd']).stdout, '/\n');
  t.is(run(['/bin/guest', 'cwd'], {options: {cwd: '/usr/bin'}}).stdout, '/usr/bin\n');
});

chrootTest('the working directory outside is the one inside, where it can be seen there', (t) => {
  const source = mkdtempSync(join(tmpdir(), 'elfinterp-bind-'));
  t.teardown(() => rmSync(source, {recursive: true}));
  mkdirSync(join(source, 'sub'));
  const cwdFrom = (cwd: string, options = {}) =>
    run(['/bin/guest', 'cwd'], {options, through: ['env', '-C', cwd]}).stdout;
  t.is(cwdFrom(join(chroot.path, 'usr/bin')), '/usr/bin\n');
  t.is(cwdFrom(chroot.path), '/\n');
  t.is(cwdFrom(join(chroot.path, '..')), '/\n');
  t.is(cwdFrom(join(source, 'sub')), '/\n');
  t.is(cwdFrom(join(source, 'sub'), {binds: [{source, target: '/tmp'}]}), '/tmp/sub\n');
  t.is(cwdFrom(join(source, 'sub'), {binds: [{source: '.', target: '/tmp'}]}), '/tmp\n');
  t.is(cwdFrom(join(source, 'sub'), {binds: [{source, target: 'tmp'}]}), '/tmp/sub\n');
});

chrootTest(
  "the machine's resolv.conf is there where the chroot's own is empty, or where it is asked for",
  (t) => {
    const root = copyOfChroot(t);
    const own = join(root, 'etc/resolv.conf');
    const show = (options = {}) => run(['/bin/guest', 'cat', '/etc/resolv.conf'], {root, options});
    const outside = readFileSync('/etc/resolv.conf', 'utf8');
    t.regex(show().stdout, /No such file/);
    writeFileSync(own, '');
    t.is(show().stdout, outside);
    t.is(show({resolvConf: false}).stdout, '');
    writeFileSync(own, 'mine\n');
    t.is(show().stdout, 'mine\n');
    t.is(show({resolvConf: true}).stdout, outside);
    t.is(readFileSync(own, 'utf8'), 'mine\n');
  },
);

chrootTest('a resolv.conf that is a link to what a service would make is made inside to mount on', (t) => {
  const root = copyOfChroot(t);
  symlinkSync('../run/resolve/stub.conf', join(root, 'etc/resolv.conf'));
  const {stdout, stderr} = run(['/bin/guest', 'cat', '/etc/resolv.conf'], {
    root,
    options: {resolvConf: true},
  });
  t.deepEqual([stdout, stderr], [readFileSync('/etc/resolv.conf', 'utf8'), '']);
  t.is(readFileSync(join(root, 'run/resolve/stub.conf'), 'utf8'), '');
});

chrootTest('/proc shows the processes inside and nothing else', (t) => {
  const {stdout} = run(['/bin/guest', 'cat', '/proc/sys/fs/binfmt_misc/qemu-arm', 'cat', '/proc/1/cmdline']);
  t.regex(stdout, /elfinterp\0/);
  t.regex(stdout, /^enabled\ninterpreter \/debootstrap\/qemu-arm\nflags: P\n/m);
});

chrootTest('/dev has the devices that programs need, and no disks', (t) => {
  const script = ['cat', '/dev/null', 'cat', '/dev/vda', 'cat', '/dev/sda', 'cat', '/dev/pts/nothing'];
  t.is(
    run(['/bin/guest', ...script]).stdout,
    ['vda', 'sda', 'pts/nothing'].map((name) => `/dev/${name}: No such file or directory\n`).join(''),
  );
});

chrootTest('mounts can be left out', (t) => {
  const options = {proc: false, sys: false, dev: false};
  t.is(
    run(['/bin/guest', 'cat', '/proc/version'], {options}).stdout,
    '/proc/version: No such file or directory\n',
  );
});

chrootTest('a directory of the machine is mounted into the chroot, read-only where asked', (t) => {
  const source = mkdtempSync(join(tmpdir(), 'elfinterp-bind-'));
  t.teardown(() => rmSync(source, {recursive: true}));
  writeFileSync(join(source, 'file'), 'from outside\n');
  const binds = [{source, target: '/tmp', readOnly: true}];
  t.is(
    run(['/bin/guest', 'cat', '/tmp/file', 'chown', '/tmp/file'], {options: {binds}}).stdout,
    'from outside\nchown: Read-only file system\n',
  );
  const nowhere = run(['/bin/guest'], {options: {binds: [{source}]}});
  t.regex(nowhere.stderr, /elfinterp-bind-\w+: there is no directory in the chroot to mount .* on/);
});

chrootTest('a program in a directory of the machine runs from there', (t) => {
  const source = mkdtempSync(join(tmpdir(), 'elfinterp-bind-'));
  t.teardown(() => rmSync(source, {recursive: true}));
  mkdirSync(join(source, 'build'));
  copyFileSync(join(chroot.path, 'bin/guest'), join(source, 'build/test'));
  const options = {binds: [{source, target: '/tmp'}], cwd: '/tmp/build'};
  t.is(run(['./test', 'uname'], {options}).stdout, 'armv7l\n');
  t.is(run(['./none'], {options}).status, 127);
});

chrootTest('a program that is not there is named before anything is started', (t) => {
  const result = run(['/bin/none']);
  t.is(result.status, onRoot ? 199 : 127);
  t.regex(result.stderr, /\/bin\/none/);
});

chrootTest('what cannot be a command is refused', async (t) => {
  t.regex(run([]).stderr, /no command to run/);
  t.regex(run(['']).stderr, /no command to run/);
  const withNul = runInChroot(chroot.path, ['/bin/guest', 'a\0b']);
  await t.throwsAsync(withNul, {instanceOf: ElfError, message: /an argument of the command contains a NUL/});
});

chrootTest('more arguments than the kernel takes are refused in words', async (t) => {
  const starting = runInChroot(chroot.path, ['/bin/guest', 'x'.repeat(200_000)]);
  await t.throwsAsync(starting, {
    instanceOf: ElfError,
    message: /too long for the kernel \(expected .*128 KiB/,
  });
});

chrootTest('a process that may open no more files says so', (t) => {
  // Node itself opens nearly as many files; the command line is one more file to load, the runner is several.
  const few = ['-c', 'ulimit -n 22; exec "$@"', 'sh', process.execPath, program];
  const {stderr} = spawnSync('sh', [...few, 'chroot', 'run', chroot.path, '--', '/bin/guest'], {
    encoding: 'utf8',
  });
  t.regex(stderr, /^elfinterp: too many open files to start a process/);
});

rootTest('a working directory that is not there is named', (t) => {
  t.regex(run(['/bin/guest'], {options: {cwd: '/none'}}).stderr, /the chroot has no directory \/none/);
});

chrootTest('a program of this machine runs without an emulator', (t) => {
  const root = copyOfChroot(t);
  rmSync(join(root, 'debootstrap'), {recursive: true});
  const program = join(root, 'bin/native');
  const compiled = spawnSync('gcc', ['-static', '-o', program, 'test/chroot/guest.c'], {encoding: 'utf8'});
  t.is(compiled.stderr, '');
  const {status, stdout} = run(['/bin/native', 'uname', 'cat', '/proc/mounts', 'exit', '3'], {root});
  t.is(status, 3);
  t.true(stdout.startsWith('x86_64\n'));
  t.notRegex(stdout, /binfmt_misc/);
});

chrootTest('a foreign program without an emulator is explained', (t) => {
  const root = copyOfChroot(t);
  rmSync(join(root, 'debootstrap'), {recursive: true});
  // Otherwise this machine's emulator is used.
  const {status, stderr} = run(['/bin/guest'], {root, options: {global: true}});
  t.is(status, 199);
  t.regex(stderr, /\/bin\/guest: the program is for arm, and no enabled entry of binfmt_misc outside is/);
});

chrootTest('two runs at a time do not see each other', async (t) => {
  const start = () =>
    spawn(process.execPath, [runner, chroot.path, '{}', '/bin/guest', 'sleep', '1', 'uname', 'exit', '9']);
  const runs = [start(), start(), start()];
  t.deepEqual(await Promise.all(runs.map(async (child) => (await once(child, 'exit'))[0])), [9, 9, 9]);
});

/** Compare the mounts of a mount namespace that nobody else changes, before and after some lines of shell. */
function mountsAround(lines: string) {
  const script = `before=$(cat /proc/self/mountinfo); ${lines}; [ "$before" = "$(cat /proc/self/mountinfo)" ] && echo same`;
  const flags = onRoot ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
  const words = [process.execPath, runner, chroot.path, '{}', '/bin/guest'];
  return spawnSync('unshare', [...flags, 'sh', '-c', script, 'sh', ...words], {encoding: 'utf8'}).stdout;
}

chrootTest('the mounts outside stay as they are', (t) => {
  t.is(mountsAround('"$@" uname exit 3'), 'armv7l\nsame\n');
});

chrootTest('the mounts outside stay as they are after kill -9', (t) => {
  const killed = '"$@" uname sleep 600 & pid=$!; sleep 1; kill -9 $pid; wait $pid';
  t.regex(mountsAround(killed), /same\n$/);
});

/** Start a guest that prints which signal it gets, and wait until it is ready. */
async function startGuest(t: ExecutionContext, ...script: readonly string[]) {
  const child = spawn(process.execPath, [runner, chroot.path, '{}', '/bin/guest', ...script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  while (!output.includes('armv7l')) await setTimeout(20);
  return {child, output: () => output.replace('armv7l\n', '')};
}

for (const [signal, number] of [
  ['SIGTERM', 15],
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGUSR1', 10],
] as const) {
  chrootTest(`${signal} reaches the command`, async (t) => {
    const {child, output} = await startGuest(t, 'trap', String(number), 'uname', 'sleep', '600');
    child.kill(signal);
    // Do not wait for 'exit': at that time, output may still be on the way.
    const [code] = await once(child, 'close');
    t.is(code, 50 + number);
    t.is(output(), `signal ${number}\n`);
  });
}

chrootTest('a signal that the command does not handle ends it', async (t) => {
  const {child} = await startGuest(t, 'uname', 'sleep', '600');
  child.kill('SIGTERM');
  t.deepEqual(await once(child, 'exit'), [143, null]);
});

async function noneLeft(mark: string): Promise<readonly string[]> {
  for (let i = 0; i < 100 && processesWith(mark).length > 0; i += 1) await setTimeout(50);
  return processesWith(mark);
}

chrootTest('daemons end with the command', async (t) => {
  const mark = `daemon-${process.pid}`;
  t.is(run(['/bin/guest', 'fork', 'exit', '4', mark]).status, 4);
  t.deepEqual(await noneLeft(mark), []);
});

chrootTest('kill -9 leaves no process, at whatever moment', async (t) => {
  const mark = `killed-${process.pid}`;
  for (let delay = 0; delay <= 400; delay += 20) {
    const child = spawn(
      process.execPath,
      [runner, chroot.path, '{}', '/bin/guest', 'fork', 'sleep', '600', mark],
      {stdio: 'ignore'},
    );
    await setTimeout(delay);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  t.deepEqual(await noneLeft(mark), []);
});

chrootTest('Ctrl-C in a terminal reaches the command, once', async (t) => {
  const command = [
    'exec',
    process.execPath,
    runner,
    chroot.path,
    '{}',
    '/bin/guest',
    'trap',
    '2',
    'uname',
    'sleep',
    '600',
  ]
    .join(' ')
    .replace('{}', "'{}'");
  const child = spawn('script', ['-qfec', command, '/dev/null'], {stdio: ['pipe', 'pipe', 'inherit']});
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  // A process that ends too early is detected by its exit status.
  child.stdin.on('error', () => {});
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    if (text.includes('armv7l')) child.stdin.write('\x03');
  });
  const [code] = await once(child, 'close');
  t.is(code, 52);
  t.regex(output, /signal 2\r\n$/);
});

chrootTest('the terminal has a name inside', (t) => {
  const command = `${process.execPath} ${runner} ${chroot.path} '{}' /bin/guest tty`;
  const {stdout} = spawnSync('script', ['-qfec', command, '/dev/null'], {encoding: 'utf8', input: ''});
  t.regex(stdout, /\/dev\/(console|pts\/\d+)\r\n$/);
});

/** A program of this machine, so that the kernel answers, not an emulator. */
function nativeRoot(t: ExecutionContext): string {
  const root = tempDirectory(t);
  for (const name of ['bin', 'dev', 'proc']) mkdirSync(join(root, name));
  output('gcc', ['-static', '-o', join(root, 'bin/guest'), join(projectDirectory, 'test/chroot/guest.c')]);
  return root;
}

chrootTest('a command cannot type into the terminal that it was started from', (t) => {
  const guest = `${process.execPath} ${runner} ${nativeRoot(t)} '{}' /bin/guest type pwned`;
  const rest = 'stty -icanon -echo min 0 time 10; printf "<%s>" "$(dd bs=64 count=1 2>/dev/null)"';
  const typed = (first: string) =>
    spawnSync('script', ['-qfec', `sh -c '${first}; ${rest}'`, '/dev/null'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }).stdout;
  t.regex(typed(guest.replaceAll("'{}'", '{}')), /<>/);
});

chrootTest('descriptors that the caller has open do not reach the command', (t) => {
  const root = nativeRoot(t);
  const script = `exec 5</etc/hostname 87</etc/hostname; exec ${process.execPath} ${runner} ${root} '{}' /bin/guest descriptors`;
  const lines = output('bash', ['-c', script]).trim().split('\n');
  t.true(lines.includes('87 /dev/null'));
  t.deepEqual(
    lines.filter((line) => !line.endsWith(' /dev/null')),
    [],
  );
});

chrootTest('a manifest that names what is not its own is refused', (t) => {
  for (const [path, expected] of [
    ['/bin/guest', /is refused/],
    ['/debootstrap/../bin/guest', /is refused/],
  ] as const) {
    const root = copyOfChroot(t);
    writeManifest(root, {...chroot.manifest, programs: [{path, interpreter: null, qemuTarget: 'arm'}]});
    const {status, stderr} = run(['/bin/guest', 'uname'], {root});
    t.is(status, 199);
    t.regex(stderr, expected);
  }
});

chrootTest('an emulator for no known target is refused', (t) => {
  const root = copyOfChroot(t);
  writeManifest(root, {
    ...chroot.manifest,
    programs: [{path: '/debootstrap/qemu-arm', interpreter: null, qemuTarget: 'pdp11'}],
  });
  t.regex(run(['/bin/guest', 'uname'], {root}).stderr, /qemu-user has no such target .*got pdp11/);
});

chrootTest("an emulator for this machine's own programs is not registered", (t) => {
  const root = copyOfChroot(t);
  const [program] = chroot.manifest.programs;
  const programs = [{path: '', interpreter: null, ...program, qemuTarget: 'i386'}];
  writeManifest(root, {...chroot.manifest, programs});
  const {stderr} = run(['/bin/guest', 'uname'], {root});
  t.regex(
    stderr,
    /warning: \/debootstrap\/qemu-arm is not registered: this machine runs i386 programs natively/,
  );
});

chrootTest('a /debootstrap that is a link out of the chroot is refused', (t) => {
  for (const target of ['/etc', '../../etc']) {
    const root = copyOfChroot(t);
    rmSync(join(root, 'debootstrap'), {recursive: true});
    symlinkSync(target, join(root, 'debootstrap'));
    const {status, stderr} = run(['/bin/guest', 'uname'], {root});
    t.is(status, 199);
    t.regex(
      stderr,
      /\/debootstrap\/qemu-libs\/manifest\.json is reached through a symbolic link .*got a path that leads to \/etc\/qemu-libs/,
    );
  }
});

chrootTest('an emulator that is a link out of the chroot is refused', (t) => {
  const root = copyOfChroot(t);
  rmSync(join(root, 'debootstrap/qemu-arm'));
  symlinkSync(pathOf('qemu-arm'), join(root, 'debootstrap/qemu-arm'));
  t.regex(
    run(['/bin/guest', 'uname'], {root}).stderr,
    /\/debootstrap\/qemu-arm is reached through a symbolic link/,
  );
});

chrootTest('a file of the bundle that is gone is named', (t) => {
  const root = copyOfChroot(t);
  rmSync(join(root, 'debootstrap/qemu-libs/ld.so'));
  t.regex(
    run(['/bin/guest'], {root}).stderr,
    /a file of the bundle is missing: \/debootstrap\/qemu-libs\/ld\.so/,
  );
});

chrootTest('a /proc that is a link is mounted inside the chroot or not at all', (t) => {
  const root = copyOfChroot(t);
  renameSync(join(root, 'proc'), join(root, 'real'));
  symlinkSync('/real', join(root, 'proc'));
  t.regex(run(['/bin/guest', 'cat', '/real/version'], {root}).stdout, /^Linux version/);
});

chrootTest('a bundle under another prefix is found where it is asked for', (t) => {
  const root = copyOfChroot(t);
  mkdirSync(join(root, 'opt'));
  const moved = JSON.parse(JSON.stringify(chroot.manifest).replaceAll('/debootstrap', '/opt/emulator'));
  // The emulator's own paths stay as they are, so a link keeps them valid.
  renameSync(join(root, 'debootstrap'), join(root, 'opt/emulator'));
  symlinkSync('opt/emulator', join(root, 'debootstrap'));
  writeManifest(root, moved);
  t.is(run(['/bin/guest', 'uname'], {root, options: {prefix: '/opt/emulator'}}).stdout, 'armv7l\n');
  t.regex(
    run(['/bin/guest'], {root, options: {prefix: '/opt/none'}}).stderr,
    /no bundle is installed under this prefix/,
  );
  t.regex(run(['/bin/guest'], {root}).stderr, /is reached through a symbolic link/);
});

const asUser = (subordinate: 'with' | 'without') => [
  'unshare',
  '--mount',
  'sh',
  'test/chroot/ordinary-user.sh',
  subordinate,
];

rootTest('files keep their owners when root runs it', (t) => {
  const {stdout} = run(['/bin/guest', 'id', 'chown', '/tmp', 'cat', '/proc/self/uid_map']);
  t.regex(stdout, /^0 0\nchown: done\n +0 +0 +4294967295\n$/);
});

rootTest('a setuid program has its rights with flag C, and only with it', (t) => {
  const root = copyOfChroot(t);
  copyFileSync(join(root, 'bin/guest'), join(root, 'bin/setuid'));
  chmodSync(join(root, 'bin/setuid'), 0o4755);
  const command = ['/bin/guest', 'setuid', '65534', 'euid', 'exec', '/bin/setuid', 'setuid', 'euid'];
  t.is(run(command, {root}).stdout, '65534\n65534\n');
  t.is(run(command, {root, options: {flags: 'PC'}}).stdout, '65534\n0\n');
});

rootTest('an ordinary user with subordinate ids is root inside, with other users beside', (t) => {
  const root = copyOfChroot(t);
  spawnSync('chown', ['-R', '54321:54321', root]);
  const {status, stdout, stderr} = run(
    ['/bin/guest', 'uname', 'id', 'chown', '/tmp', 'cat', '/proc/self/uid_map'],
    {
      root,
      through: asUser('with'),
    },
  );
  t.is(stderr, '');
  t.regex(stdout, /^armv7l\n0 0\nchown: done\n +0 +54321 +1\n +1 +700000 +65536\n$/);
  t.is(status, 0);
});

rootTest('an ordinary user without subordinate ids can run programs, and is told the limit', (t) => {
  const {status, stdout, stderr} = run(['/bin/guest', 'uname', 'id', 'chown', '/tmp', 'exit', '5'], {
    through: asUser('without'),
  });
  t.is(stdout, 'armv7l\n0 0\nchown: Invalid argument\n');
  t.is(stderr, 'warning: only one user id exists inside: programs run, but chown to any other id fails\n');
  t.is(status, 5);
});

rootTest('an ordinary user is refused the map of all ids in words', (t) => {
  const {stderr} = run(['/bin/guest'], {through: asUser('without'), options: {idMap: 'identity'}});
  t.regex(stderr, /the kernel rejected the id map .*CAP_SETUID/);
});

rootTest('a limit of processes is said to be one', (t) => {
  // The number of Node's threads varies. The limit covers all processes of a user, so use a user that has no others.
  const user = ['setpriv', '--reuid=54455', '--regid=54455', '--clear-groups'];
  const said = Array.from({length: 14}, (_, i) => {
    const limited = [...user, 'bash', '-c', `ulimit -u ${6 + i}; exec "$@"`, 'bash'];
    return run(['/bin/guest'], {through: limited}).stderr;
  });
  t.true(
    said.some((text) => /cannot start another process \(expected .*ulimit -u/.test(text)),
    said.join(''),
  );
  t.false(
    said.some((text) => /cannot create a user namespace/.test(text)),
    said.join(''),
  );
});

rootTest('subordinate ids that are asked for and missing are an error', (t) => {
  const {stderr} = run(['/bin/guest'], {through: asUser('without'), options: {idMap: 'subordinate'}});
  t.regex(stderr, /this user has no subordinate ids .*package uidmap/);
});

/** Run in a user namespace of its own, after some lines of shell. */
const after = (lines: string) => [
  'unshare',
  '--user',
  '--map-root-user',
  '--mount',
  'sh',
  '-ec',
  `${lines}\nexec "$@"`,
  'sh',
];

chrootTest('a machine without user namespaces is said to be one', (t) => {
  const {status, stderr} = run(['/bin/guest'], {
    through: after('echo 0 >/proc/sys/user/max_user_namespaces'),
  });
  t.is(status, 199);
  t.regex(
    stderr,
    /cannot create a user namespace on this machine .*max_user_namespaces.*No space left on device/,
  );
});

chrootTest('a kernel that mounts no private binfmt_misc is said to be one', (t) => {
  const {status, stderr} = run(['/bin/guest'], {through: after('mount -t tmpfs tmpfs /proc/sys/fs')});
  t.is(status, 199);
  t.regex(
    stderr,
    /the user namespace does not get its own binfmt_misc table .*CONFIG_BINFMT_MISC.*got Linux/,
  );
});

chrootTest('where a new /proc is forbidden, as in containers, the old one serves', (t) => {
  const {status, stdout, stderr} = run(['/bin/guest', 'uname', 'exit', '6'], {
    through: after('mount -t tmpfs tmpfs /proc/fs'),
  });
  t.is(stdout, 'armv7l\n');
  t.is(status, 6);
  t.regex(stderr, /^warning: mount a new \/proc: /);
});

chrootTest('a mount with noexec is named', (t) => {
  const {status, stderr} = run(['/bin/guest', 'uname'], {
    through: after(`mount --bind ${chroot.path} ${chroot.path}; mount -o remount,bind,noexec ${chroot.path}`),
  });
  t.is(status, 126);
  t.true(
    stderr.startsWith(`warning: ${chroot.path} is mounted with noexec: programs on it cannot be executed\n`),
    stderr,
  );
});

const outerEntries = `
table=/proc/sys/fs/binfmt_misc
mount -t binfmt_misc binfmt_misc $table
program=$(mktemp)
cp /bin/true $program
chmod 755 $program
echo ":plain:E::plain::/bin/plain:P" >$table/register
echo ":opened:E::opened::/bin/true:F" >$table/register
echo ":gone:E::gone::$program:F" >$table/register
echo ":off:E::off::/bin/off:" >$table/register
echo ":qemu-arm:E::arm::/bin/other:" >$table/register
echo 0 >$table/off
rm $program
`;

chrootTest('a table outside is not written', (t) => {
  const show =
    'cd /proc/sys/fs/binfmt_misc; for name in *; do echo $name; [ $name = register ] || cat $name; done';
  const {stdout} = run(['/bin/guest', 'uname'], {
    through: after(
      `${outerEntries}\nbefore=$(${show})\n"$@"\n[ "$before" = "$(${show})" ] && echo same\nexit\n`,
    ),
  });
  t.is(stdout, 'armv7l\nsame\n');
});

chrootTest('what is registered outside is registered again inside, or named', (t) => {
  const table = '/proc/sys/fs/binfmt_misc';
  const names = ['plain', 'opened', 'gone', 'off', 'qemu-arm'];
  const {stdout, stderr} = run(['/bin/guest', ...names.flatMap((name) => ['cat', `${table}/${name}`])], {
    through: after(outerEntries),
  });
  t.regex(stdout, /interpreter \/bin\/plain\nflags: P\nextension \.plain\n/);
  t.regex(stdout, /interpreter \/bin\/true\nflags: F\nextension \.opened\n/);
  t.regex(stdout, /gone: No such file/);
  t.regex(stdout, /off: No such file/);
  t.regex(stdout, /interpreter \/debootstrap\/qemu-arm\nflags: P\n/);
  t.regex(
    stderr,
    /^warning: 'gone' is registered outside, but not inside: .*flag F opens the interpreter at registration/,
  );
  t.is(stderr.trim().split('\n').length, 1);
});
