/*
 * Create a foreign Debian system with an unmodified debootstrap: its first stage unpacks the packages, its second stage
 * configures them in the chroot, under an emulator of this machine that stays outside (machine-emulators.ts).
 *
 * Both stages run in namespaces (namespace.ts), so that nothing is left mounted or running, however they end. An
 * emulator that should stay is installed before the second stage, and not in /debootstrap, which the second stage
 * deletes at its end.
 */
import {mkdirSync, unlinkSync} from 'node:fs';
import {posix} from 'node:path';
import {withMark} from '../bundle/lock.js';
import {openElfSync} from '../elf/open.js';
import {ElfError} from '../errors.js';
import {OpenRoot} from '../loader/open-root.js';
import {Root} from '../loader/root.js';
import {requireProc} from '../source/descriptor.js';
import {openDirectory} from '../source/dir-fd.js';
import {absolutePath} from '../source/working-directory.js';
import {type Architecture, architectureOf, describeArchitecture} from './architecture.js';
import {
  type DebootstrapOptions,
  firstStageDone,
  removeOldStatus,
  rewindSecondStage,
  runFirstStage,
  secondStage,
} from './debootstrap.js';
import {chooseEnvironment} from './environment.js';
import {findHostEmulator, locateEmulator} from './find-emulator.js';
import {hasOneId, type IdMap, type IdMapKind, planIdMap} from './idmap.js';
import {installEmulator} from './install.js';
import {defaultPrefixes} from './manifest.js';
import type {Stream} from './namespace.js';
import {enterOwnWay} from './own-way.js';
import {defaultPath} from './program.js';
import {runInChroot} from './run.js';
import {stageFailed} from './stage-failure.js';

/** How to run debootstrap's second stage. */
export interface FinishOptions {
  /** Emulators of this machine. Default: the one for the architecture, from PATH. */
  readonly emulators?: readonly string[] | undefined;
  /** Leave the emulator in the chroot, under /usr/libexec/elfinterp. Default: false. */
  readonly keep?: boolean | undefined;
  /** With `keep`: make the bundled loader ignore the guest's LD_* variables. Default: true. */
  readonly isolate?: boolean | undefined;
  /** With `keep`: leave each emulator as one file, with its loader and its libraries inside. Default: false. */
  readonly oneFile?: boolean | undefined;
  readonly idMap?: IdMapKind | 'auto' | undefined;
  /** Where debootstrap's progress goes. Default: this process's standard error. */
  readonly progress?: Stream | undefined;
  /** Called at the start of each step, with a description of it. */
  readonly onProgress?: ((message: string) => void) | undefined;
  /** Called with each warning about something unexpected that does not stop the run. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** What system to make. */
export interface CreateOptions extends FinishOptions, DebootstrapOptions {
  /** Debian's name, as in armel, arm64, riscv64. */
  readonly architecture: string;
}

/** The system that was made. */
export interface CreateResult {
  /** The chroot, absolute. */
  readonly target: string;
  readonly architecture: Architecture;
  /** The emulators that ran the second stage; empty where none is needed. */
  readonly emulators: readonly string[];
  /** Where the bundle is that was kept, seen from inside; undefined when none was. */
  readonly prefix: string | undefined;
}

/**
 * Create a Debian system with debootstrap, both stages, as root or as an ordinary user with subordinate ids.
 *
 * @param target a directory that does not exist yet, or is empty
 * @throws ElfError CONFLICT (something is there), NOT_FOUND (no emulator, no debootstrap), UNSUPPORTED (no such
 *   architecture, no subordinate ids, no user namespaces), COMMAND_FAILED with the path of debootstrap's log
 * @example
 *   const {target} = await createChroot('bookworm', './i386', {architecture: 'i386', variant: 'minbase'});
 *   await runInChroot(target, ['apt-get', '--version']);
 */
export async function createChroot(
  suite: string,
  target: string,
  options: CreateOptions,
): Promise<CreateResult> {
  const architecture = describeArchitecture(options.architecture);
  const idMap = mapForStages(options);
  const emulators = emulatorsFor(architecture, options);
  requirePlain(target);
  using root = new OpenRoot(enterOwnWay(target, {make: true}));
  requireTarget(root, target);
  return await withMark(root.top, markName, async () => {
    options.onProgress?.(`first stage: unpacking ${suite} for ${architecture.name}`);
    const status = await runFirstStage(suite, root.host, {...options, ...streamsOf(options), idMap});
    if (status !== 0) throw stageFailed('first', root.host, status);
    return finish(root.host, architecture, emulators, options);
  });
}

/** A symbolic link that is in the chroot during a run, so that two runs do not spoil each other's work. */
const markName = '.elfinterp-create';

/**
 * Finish a tree whose first stage is done: by `debootstrap --foreign`, or by a `createChroot` that was interrupted.
 *
 * @throws ElfError as `createChroot` does, and NOT_FOUND when there is no first stage to go on from
 */
export async function resumeChroot(target: string, options: FinishOptions = {}): Promise<CreateResult> {
  using root = new OpenRoot(enterOwnWay(target));
  if (isComplete(root) || isSetUp(root))
    throw new ElfError('NOT_FOUND', 'both stages of debootstrap are already done', {path: root.host});
  if (!firstStageDone(root)) {
    throw new ElfError('NOT_FOUND', "debootstrap's first stage is not complete here", {
      path: root.host,
      expected:
        '/debootstrap/debootstrap and /etc/apt/sources.list, as left by `debootstrap --foreign`; empty the directory and use `chroot create SUITE TARGET` to start again',
    });
  }
  mapForStages(options);
  const architecture = architectureOf(root);
  const emulators = emulatorsFor(architecture, options);
  return await withMark(root.top, markName, async () => {
    rewindSecondStage(root);
    const result = await finish(root.host, architecture, emulators, options);
    removeOldStatus(root);
    return result;
  });
}

/** The second stage moves its log there at the end, and may leave its other files behind. */
function isComplete(root: Root): boolean {
  return root.resolve('/var/log/bootstrap.log').found;
}

/** Whether dpkg has set something up, which is the second stage's work. */
function isSetUp(root: Root): boolean {
  const status = root.resolve('/var/lib/dpkg/status');
  return status.found && status.stats.size > 0n && !root.resolve('/debootstrap/debootstrap').found;
}

async function finish(
  target: string,
  architecture: Architecture,
  emulators: readonly string[],
  options: FinishOptions,
): Promise<CreateResult> {
  const {keep = false, idMap, onProgress = () => {}, onWarning = () => {}} = options;
  mendProc(target);
  if (emulators.length === 0)
    onWarning(`this machine runs ${architecture.name} programs natively: no emulator is used`);
  const prefix = keep ? await leaveEmulators(target, architecture, emulators, options) : undefined;
  onProgress('second stage: configuring the packages');
  const {exitCode} = await runInChroot(target, secondStage, {
    ...streamsOf(options),
    cwd: '/',
    idMap,
    ...(prefix === undefined ? {emulators} : {prefix}),
    env: environmentInside(),
    onProgress,
    onWarning,
  });
  if (exitCode !== 0) throw stageFailed('second', target, exitCode);
  return {target, architecture, emulators, prefix};
}

/** Install the emulators where debootstrap leaves them alone; returns that prefix, seen from inside. */
async function leaveEmulators(
  target: string,
  architecture: Architecture,
  emulators: readonly string[],
  {isolate, oneFile, onProgress = () => {}, onWarning = () => {}}: FinishOptions,
): Promise<string | undefined> {
  if (emulators.length === 0) return undefined;
  const prefix = defaultPrefixes[1];
  const {notes} = await installEmulator(target, emulators, {
    architecture: architecture.name,
    prefix,
    isolate,
    oneFile,
  });
  for (const note of notes) onWarning(note);
  onProgress(`${emulators.join(', ')} installed under ${prefix}`);
  return prefix;
}

/** Found before anything is downloaded. */
function emulatorsFor(architecture: Architecture, {emulators = []}: FinishOptions): readonly string[] {
  if (emulators.length > 0) return emulators.map(locateEmulator).map(requireProgram);
  return architecture.isNative ? [] : [findHostEmulator(architecture)];
}

function requireProgram(path: string): string {
  void openElfSync(path).close();
  return path;
}

/** dpkg gives files to users and groups other than root, so one id is not enough. */
function mapForStages({idMap}: FinishOptions): IdMap {
  requireProc('create a chroot');
  const map = planIdMap(idMap);
  if (!hasOneId(map)) return map;
  throw new ElfError('UNSUPPORTED', 'packages cannot be installed with a single user id', {
    expected:
      'root, or an ordinary user with ranges in /etc/subuid and /etc/subgid (usermod --add-subuids) and newuidmap (package uidmap)',
    got: map.kind === 'identity' ? 'root of a user namespace with one id' : 'neither',
  });
}

/**
 * debootstrap is a shell script that does not quote the path everywhere: in another directory packages are missing, and it
 * does not say so.
 *
 * @throws ElfError UNSUPPORTED
 */
function requirePlain(target: string): void {
  const there = new Root().resolve(absolutePath(target));
  const path = there.found ? there.host : posix.join(there.reached, ...there.rest);
  if (!/[ \t\n*?[\\]/.test(path)) return;
  throw new ElfError('UNSUPPORTED', 'debootstrap cannot work in a directory with such a path', {
    path,
    expected: 'no white space, *, ?, [ or backslash in it; the directory can be moved afterwards',
  });
}

/** A first stage of ours that was left unfinished there may be repeated. @throws ElfError CONFLICT */
function requireTarget(root: OpenRoot, target: string): void {
  if (isComplete(root))
    throw new ElfError('CONFLICT', 'both stages of debootstrap are already done', {path: target});
  if (firstStageDone(root)) {
    throw new ElfError('CONFLICT', 'the first stage of debootstrap is already done here', {
      path: target,
      expected: 'chroot create --resume, which continues from there',
    });
  }
  const names = root.top.names().filter((name) => name !== 'lost+found');
  if (names.length > 0 && !names.includes(markName)) {
    const got = names.slice(0, 5).join(', ');
    throw new ElfError('CONFLICT', 'the directory is not empty', {
      path: target,
      expected: 'an empty directory, or a new one',
      got,
    });
  }
}

/** In containers the first stage makes /proc a link to itself, and the second one would try to mount there. */
function mendProc(target: string): void {
  using root = openDirectory(target);
  using proc = root.openPath('proc');
  if (!proc?.stats.isSymbolicLink()) return;
  unlinkSync(root.at('proc'));
  mkdirSync(root.at('proc'), {mode: 0o755});
}

/** `container=lxc` keeps debootstrap from making device nodes, which no user namespace allows. */
function environmentInside() {
  const variables = {container: 'lxc', HOME: '/root', LC_ALL: 'C', PATH: defaultPath};
  return chooseEnvironment(process.env, {variables});
}

function streamsOf({progress = 2}: FinishOptions): {stdio: readonly [Stream, Stream, Stream]} {
  return {stdio: ['ignore', progress, progress]};
}
