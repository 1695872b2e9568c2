/*
 * Run a command in a chroot whose programs this machine cannot run by itself.
 *
 * The emulator is registered with binfmt_misc in a user namespace of its own, which Linux allows since 6.7. So the
 * host's table is only read for its entries and never written, an ordinary user can do it, two chroots can have two
 * emulators for one architecture, and all of it is gone when the command ends, however it ends.
 *
 * It isolates programs from the host's tables, but does not protect the host from malice: root in an identity map has
 * root's user id outside.
 */
import {readlinkSync} from 'node:fs';
import {posix} from 'node:path';
import {isatty} from 'node:tty';
import type {Registration} from '../binfmt/registration.js';
import {inWords} from '../errors.js';
import {Root} from '../loader/root.js';
import {requireProc} from '../source/descriptor.js';
import {checkRunnable, enabledEntry, nameOf, planEmulators, planOwnEmulator} from './emulators.js';
import {chooseEnvironment, splitEnvironment} from './environment.js';
import {readHostEntries} from './host-entries.js';
import {type IdMap, type IdMapKind, planIdMap, writeIdMap} from './idmap.js';
import {fetchEmulators, wantedEmulators} from './machine-emulators.js';
import {type BundlePlace, findManifest} from './manifest.js';
import {mountOf} from './mount-of.js';
import {type MountOptions, ownTerminal, planMounts} from './mounts.js';
import {type Namespace, openNamespace, type Stream} from './namespace.js';
import {explainMount, fillTable} from './private-table.js';
import {defaultPath, findCommand, type ProgramInside} from './program.js';
import {inOwnTerminal} from './terminal.js';
import {findTool} from './tools.js';
import {workingDirectoryInside} from './working-directory.js';

/** How a command is run in a chroot. */
export interface ChrootRunOptions extends BundlePlace, MountOptions {
  /**
   * Emulators of this machine to use, instead of those in the chroot. Default: where the chroot has none for the
   * command, the one for its architecture, from PATH. Each is registered as one file, and none is put into the chroot.
   */
  readonly emulators?: readonly string[] | undefined;
  /** Flags of the emulators' registration, out of P, O, C and F. Default: `P`; F is added to one of this machine. */
  readonly flags?: string | undefined;
  /** Default: `auto`, which is `identity` as root, else `subordinate` if the user has such ids, else `single`. */
  readonly idMap?: IdMapKind | 'auto' | undefined;
  /** The command's whole environment. Default: this process's own, as `keepEnv` says, and `variables`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Pass on this process's whole environment, not only PATH, HOME, TERM and the proxies. Default: true. */
  readonly keepEnv?: boolean | undefined;
  /** Additional variables to set. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /** Working directory inside. Default: this process's own where it can be seen from inside, else `/`. */
  readonly cwd?: string | undefined;
  /** Rely on what is registered in the table outside instead of making a private one. Default: false. */
  readonly global?: boolean | undefined;
  /** Standard input, output and error. Default: this process's own. */
  readonly stdio?: readonly [Stream, Stream, Stream] | undefined;
  /** Called when something takes long, with a description of it. */
  readonly onProgress?: ((message: string) => void) | undefined;
  /** Called with each warning about something unexpected that does not stop the run. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** How the command ended. */
export interface ChrootRunResult {
  /** As a shell reports it: 128 plus the signal's number if a signal ended the command. */
  readonly exitCode: number;
}

/**
 * Run a command in a chroot and wait for it.
 *
 * The bundle's emulators are registered for this run alone; where the chroot has none, one of this machine is. A chroot
 * of the machine's own architecture is entered as it is. Signals that reach this process meanwhile are passed on.
 *
 * @param command program and arguments; the program is looked up inside, in the PATH of `env`
 * @throws ElfError NOT_FOUND (no such chroot, program, bundle or emulator), BAD_MANIFEST, OUTSIDE, UNSUPPORTED
 *   (the kernel or its configuration does not allow it)
 * @example
 *   await installEmulator('./chroot');
 *   const {exitCode} = await runInChroot('./chroot', ['/bin/hello']);
 *   console.log(exitCode);
 */
export async function runInChroot(
  chroot: string,
  command: readonly string[],
  options: ChrootRunOptions = {},
): Promise<ChrootRunResult> {
  requireProc('run a command in a chroot');
  const namespace = await enterChroot(chroot, command, options);
  try {
    return {exitCode: await namespace.run()};
  } finally {
    namespace.close();
  }
}

/** Everything up to the command's start. An emulator's temporary file is gone by then: the table has it open. */
async function enterChroot(
  chroot: string,
  command: readonly string[],
  options: ChrootRunOptions,
): Promise<Namespace> {
  const root = new Root(chroot);
  const chosen = inWords(root.host, () => chooseEmulators(root, command, options));
  using emulators = await fetchEmulators(chosen.wanted, options.flags, options);
  const registrations = [...chosen.registrations, ...emulators.registrations];
  const plan = inWords(root.host, () => planRun(root, command, {...options, ...chosen, registrations}));
  const namespace = await openNamespace(plan);
  try {
    writeIdMap(namespace.pid, plan.idMap);
    await namespace.proceed('mounted').catch(explainMount);
    if (plan.registrations.length > 0) fillTable(namespace, plan);
    return namespace;
  } catch (error) {
    namespace.close();
    throw error;
  }
}

/** What the command is, and which emulators it needs: those in the chroot, and those of this machine. */
function chooseEmulators(root: Root, command: readonly string[], options: ChrootRunOptions) {
  const {cwd: wanted, binds = [], onWarning = () => {}} = options;
  const cwd = wanted === undefined ? workingDirectoryInside(root, binds) : posix.resolve('/', wanted);
  const env = {PATH: defaultPath, ...(options.env ?? chooseEnvironment(process.env, options))};
  const program = findCommand(root, command, {searchPath: env.PATH, cwd, isComplete: binds.length === 0});
  if (options.global) return {cwd, env, program, registrations: [], wanted: []};
  const inChroot = planRegistrations(root, program, options, onWarning);
  const emulators = wantedEmulators(root, program, inChroot, options.emulators);
  const registrations = inChroot.filter(({name}) => !emulators.some(({target}) => name === nameOf(target)));
  return {cwd, env, program, registrations, wanted: emulators};
}

interface RunPlanOptions extends ChrootRunOptions, ReturnType<typeof chooseEmulators> {
  readonly cwd: string;
  readonly env: ReturnType<typeof chooseEmulators>['env'];
}

/** Everything that can be decided before a process is started. */
function planRun(root: Root, command: readonly string[], options: RunPlanOptions) {
  const {stdio = ['inherit', 'inherit', 'inherit'], onWarning = () => {}} = options;
  const {cwd, env, program, registrations} = options;
  const hostEntries = readHostEntries(onWarning);
  if (program !== undefined)
    checkRunnable(program, [...registrations.map(enabledEntry), ...hostEntries], options.global ?? false);
  const idMap = planIdMap(options.idMap);
  warnOfLimits(root, idMap, onWarning);
  const guest = splitEnvironment(root, env, cwd, onWarning);
  const entering = [...guest.outside, ...intoChroot(root, cwd), ...guest.inside, ...command];
  const own = inOwnTerminal(entering, stdio.map(descriptorOf), guest.env.SHELL, onWarning);
  const terminal = own === entering ? terminalOf(stdio[0]) : ownTerminal;
  return {
    registrations,
    hostEntries,
    idMap,
    env: guest.env,
    stdio,
    onWarning,
    hasOwnTerminal: own !== entering,
    setup: planMounts(root, registrations.length > 0, {...options, terminal}),
    command: [...dropRights(idMap), ...own],
  };
}

/** The emulators of the bundle, and the chroot's own where the bundle has none for the program. */
function planRegistrations(
  root: Root,
  program: ProgramInside | undefined,
  options: ChrootRunOptions,
  onWarning: (message: string) => void,
): readonly Registration[] {
  const found = findManifest(root, options);
  const {flags} = options;
  const bundled = found === undefined ? [] : planEmulators(root, found, {flags, onWarning});
  return [...bundled, ...planOwnEmulator(root, program, bundled, flags)];
}

function warnOfLimits(root: Root, {kind}: IdMap, onWarning: (message: string) => void): void {
  const mount = mountOf(root.host);
  if (mount?.options.includes('noexec'))
    onWarning(`${mount.path} is mounted with noexec: programs on it cannot be executed`);
  if (kind === 'single')
    onWarning('only one user id exists inside: programs run, but chown to any other id fails');
}

/** The way in, through chroot(2). A relative directory would be looked up where this process is: outside. */
function intoChroot(root: Root, cwd: string): readonly string[] {
  if (!posix.isAbsolute(cwd)) throw new Error('the working directory inside is an absolute path');
  return [findTool('unshare'), `--root=${root.host}`, `--wd=${cwd}`, '--'];
}

/** Drop the capabilities that were kept for the setup (namespace.ts), and groups that exist only outside. */
export function dropRights({kind}: IdMap): readonly string[] {
  const groups = kind === 'subordinate' ? ['--clear-groups'] : [];
  return [findTool('setpriv'), '--inh-caps=-all', '--ambient-caps=-all', ...groups];
}

function descriptorOf(stream: Stream, standard: number): number | undefined {
  if (stream === 'ignore') return undefined;
  return stream === 'inherit' ? standard : stream;
}

/** The device that standard input is, for the chroot's /dev. */
function terminalOf(stdin: Stream): string | undefined {
  const fd = descriptorOf(stdin, 0);
  return fd !== undefined && isatty(fd) ? readlinkSync(`/proc/self/fd/${fd}`) : undefined;
}
