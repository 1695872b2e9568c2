/*
 * The scenarios of bundles and chroots. A root is compared as a whole, file by file: it must be the old one or the new
 * one. After a kill, that must be true once the next run has recovered it; roots that were neither until then are
 * counted separately.
 */
import {strict as assert} from 'node:assert';
import {createHash} from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {withLock} from '../../src/bundle/lock.js';
import {recover} from '../../src/bundle/staging.js';
import {openDirectory} from '../../src/source/dir-fd.js';
import {hostEntries, processesWith} from '../chroot/helpers.js';
import {elfinterp, program} from '../helpers/cli.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {pathOf} from '../helpers/tools.js';
import {type Ended, requireWords, type Scenario} from './walk.js';

/** Kills after which the root was neither the old nor the new one until the next run: counted for the totals. */
export const between = new Map<string, number>();

/** Describe every file of a root, except what an interrupted run leaves for the next one. */
function describe(root: string): string {
  return (readdirSync(root, {recursive: true}) as string[])
    .filter((name) => !name.startsWith('.elfinterp-'))
    .sort()
    .map((name) => {
      const file = path.join(root, name);
      const {mode} = lstatSync(file);
      return `${name} ${mode.toString(8)} ${contentOf(file)}`;
    })
    .join('\n');
}

function contentOf(file: string): string {
  const stats = lstatSync(file);
  if (stats.isSymbolicLink()) return readlinkSync(file);
  return stats.isFile() ? createHash('sha256').update(readFileSync(file)).digest('hex') : '';
}

function leftIn(root: string): readonly string[] {
  return readdirSync(root).filter((name) => name.startsWith('.elfinterp-'));
}

interface Changing {
  readonly name: string;
  /** Make the old state of a root. */
  prepare(root: string): void;
  args(root: string): readonly string[];
}

/** Programs of the machine that stand in for emulators; they have few libraries, and so few points. */
const [first, second] = ['/bin/true', '/bin/false'];

function changing({name, prepare, args}: Changing): Scenario {
  const states = new Map<string, 'old' | 'new'>();
  const rootIn = (directory: string) => path.join(directory, 'root');
  const setUp = (directory: string) => {
    const root = rootIn(directory);
    mkdirSync(root, {mode: 0o755});
    prepare(root);
    states.set(describe(root), 'old');
    return [process.execPath, program, ...args(root)];
  };
  return {
    name,
    setUp,
    concerns: (line, directory) => line.includes(directory) || line.includes('/proc/self/fd/'),
    check(directory, run) {
      const ended = {...run, killed: run.killed || isNodesEnd(run)};
      const root = rootIn(directory);
      if (!ended.killed) requireWords(ended);
      if (states.size < 2) states.set(undisturbed(directory, setUp), 'new');
      const now = describe(root);
      if (leftIn(root).length > 0) putBack(root);
      const state = states.get(describe(root));
      assert.ok(state !== undefined, 'the root is neither the old nor the new one');
      if (now !== describe(root)) {
        assert.ok(ended.killed || ended.status !== 0, 'done, and yet something had to be put back');
        between.set(name, (between.get(name) ?? 0) + 1);
      }
      assert.ok(
        ended.killed || ended.status !== 0 || state === 'new',
        'exit status 0, and the root is the old one',
      );
      return state;
    },
    runAgain(directory) {
      const root = rootIn(directory);
      const again = elfinterp(args(root));
      const isDone = again.status === 0 || /no bundle is installed/.test(again.stderr);
      assert.ok(isDone, `the next run fails: ${again.stderr}`);
      assert.equal(states.get(describe(root)), 'new', 'the next run does not lead to the new state');
      assert.deepEqual(leftIn(root), [], 'the next run leaves something');
    },
  };
}

/** Node aborts if close(2) fails inside readFileSync. */
function isNodesEnd({status, stderr}: Ended): boolean {
  return status === null && stderr.includes('Assertion failed') && stderr.includes('uv_fs_close');
}

function undisturbed(directory: string, setUp: (directory: string) => readonly string[]): string {
  const other = path.join(directory, 'undisturbed');
  mkdirSync(other);
  const {status, stderr} = elfinterp(setUp(other).slice(2));
  assert.equal(status, 0, stderr);
  return describe(path.join(other, 'root'));
}

/** What the next run does first. */
function putBack(root: string): void {
  using top = openDirectory(root);
  withLock(top, () => recover(top));
  assert.deepEqual(leftIn(root), [], 'what was left cannot be cleared away');
}

function bundled(...args: readonly string[]): void {
  const {status, stderr} = elfinterp(args);
  assert.equal(status, 0, stderr);
}

/** A bundle is made once and copied, since a walk needs it hundreds of times. */
const templates = new Map<string, string>();
process.on('exit', () => {
  for (const template of templates.values()) rmSync(template, {recursive: true, force: true});
});

function copyOf(root: string, make: (template: string) => void, key: string): void {
  const template = templates.get(key) ?? mkdtempSync(path.join(tmpdir(), `elfinterp-${key}-`));
  if (!templates.has(key)) {
    templates.set(key, template);
    chmodSync(template, 0o755);
    make(template);
  }
  cpSync(template, root, {recursive: true, verbatimSymlinks: true, preserveTimestamps: true});
}

const guest = (root: string) => {
  for (const name of ['bin', 'dev', 'proc', 'sys', 'debootstrap'])
    mkdirSync(path.join(root, name), {recursive: true});
  writeFileSync(path.join(root, 'bin/sh'), fixtureBytes('armel/hello-static'), {mode: 0o755});
  writeFileSync(path.join(root, 'debootstrap/arch'), 'armel\n');
};

const withBundle = (root: string) =>
  copyOf(
    root,
    (template) => {
      guest(template);
      bundled('chroot', 'install', template, first);
    },
    'bundle',
  );

const chrootRun: Scenario = {
  name: 'chroot run',
  setUp(directory) {
    const root = path.join(directory, 'root');
    mkdirSync(root, {mode: 0o755});
    copyOf(
      root,
      (template) => {
        guest(template);
        bundled('chroot', 'install', template);
      },
      'run',
    );
    chmodSync(directory, 0o755);
    return [process.execPath, program, 'chroot', 'run', root, '--', '/bin/sh'];
  },
  concerns: (line, directory) =>
    line.includes(directory) || /\/proc\/(\d+|self)\//.test(line) || /^(socketpair|clone|pipe2)/.test(line),
  check(directory, run) {
    const ended = {...run, killed: run.killed || isNodesEnd(run)};
    requireNothingRuns(directory);
    assert.deepEqual(leftIn(path.join(directory, 'root')), []);
    if (!ended.killed) {
      assert.doesNotMatch(ended.stderr, /internal error|^ +at /m);
      assert.ok(ended.status === 0 || ended.stderr !== '', 'a failure without a word');
    }
    return ended.status === 0 && ended.stdout.includes('hello from ARM') ? 'new' : 'old';
  },
  runAgain(directory) {
    const {status, stdout, stderr} = elfinterp([
      'chroot',
      'run',
      path.join(directory, 'root'),
      '--',
      '/bin/sh',
    ]);
    assert.deepEqual([status, stdout.slice(0, 14)], [0, 'hello from ARM'], stderr);
  },
};

const entries = hostEntries();

/**
 * Require that no process, mount or registration is left; the kernel removes them with the namespace, which may take a
 * moment.
 */
function requireNothingRuns(directory: string): void {
  const end = Date.now() + 10_000;
  while (processesWith(`${directory}/`).length > 0 && Date.now() < end) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  assert.deepEqual(processesWith(`${directory}/`), [], 'a process is left');
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(directory), 'a mount is left');
  assert.deepEqual(hostEntries(), entries, 'the table of the machine was changed');
}

export const chrootScenarios: readonly Scenario[] = [
  changing({
    name: 'bundle into an empty directory',
    prepare: () => {},
    args: (root) => ['bundle', first, '--into', root, '--file', '/etc/hostname=share/'],
  }),
  changing({
    name: 'chroot install beside files of debootstrap',
    prepare: guest,
    args: (root) => ['chroot', 'install', root, first],
  }),
  changing({
    name: 'chroot install of another emulator',
    prepare: withBundle,
    args: (root) => ['chroot', 'install', root, second],
  }),
  changing({
    name: 'chroot remove',
    prepare: withBundle,
    args: (root) => ['chroot', 'remove', root],
  }),
  ...(existsSync(pathOf('qemu-arm')) ? [chrootRun] : []),
];
