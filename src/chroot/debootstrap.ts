/*
 * Calling debootstrap.
 *
 * Root lets the first stage make device nodes, so that the chroot has them. In a user namespace no process may make
 * any, and `container=lxc` tells debootstrap so (functions: check_sane_mount, setup_devices).
 */
import {closeSync, openSync, readFileSync, renameSync, unlinkSync} from 'node:fs';
import {posix} from 'node:path';
import {inInitialUserNamespace} from '../binfmt/mount.js';
import {hasFile} from '../change/steps.js';
import {Root} from '../loader/root.js';
import {openDirectory} from '../source/dir-fd.js';
import {absolutePath} from '../source/working-directory.js';
import {type IdMap, writeIdMap} from './idmap.js';
import {planMachineMounts} from './mounts.js';
import {openNamespace, type Stream} from './namespace.js';
import {enterOwnWay} from './own-way.js';
import {defaultPath} from './program.js';
import {dropRights} from './run.js';
import {findTool} from './tools.js';

/** The options of debootstrap(8) with the same names. */
export interface DebootstrapOptions {
  readonly architecture: string;
  readonly mirror?: string | undefined;
  readonly variant?: string | undefined;
  readonly include?: readonly string[] | undefined;
  readonly components?: readonly string[] | undefined;
  readonly keyring?: string | undefined;
  /** Where downloaded packages are kept; made when it does not exist. */
  readonly cacheDirectory?: string | undefined;
  /** Refuse packages whose signatures cannot be checked. Default: true for root; otherwise what debootstrap does. */
  readonly checkSignatures?: boolean | undefined;
  /** More options, handed on as they are. */
  readonly debootstrapOptions?: readonly string[] | undefined;
}

interface FirstStageOptions extends DebootstrapOptions {
  readonly idMap: IdMap;
  readonly stdio: readonly [Stream, Stream, Stream];
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** What runs inside, after the first stage. */
export const secondStage = ['/debootstrap/debootstrap', '--second-stage'] as const;

/** Run `debootstrap --foreign`; its exit status. */
export async function runFirstStage(
  suite: string,
  target: string,
  options: FirstStageOptions,
): Promise<number> {
  const {idMap, stdio, onWarning = () => {}} = options;
  const user = !mayMakeDevices();
  const command = commandLine(suite, target, options);
  const namespace = await openNamespace({
    user,
    setup: planMachineMounts(),
    command: user ? [...dropRights(idMap), ...command] : command,
    env: environment(user),
    stdio,
    onWarning,
  });
  try {
    if (user) writeIdMap(namespace.pid, idMap);
    await namespace.proceed('mounted');
    return await namespace.run();
  } finally {
    namespace.close();
  }
}

/** Tell whether the second stage comes next: the first one ends by writing apt's sources. */
export function firstStageDone(root: Root): boolean {
  return ['/debootstrap/debootstrap', '/etc/apt/sources.list'].every((path) => root.resolve(path).found);
}

/**
 * Undo what an interrupted second stage would trip over when it starts again: packages in dpkg's status, to which it
 * adds a fake one, and start-stop-daemon, which it has moved aside and would move aside a second time. The old status
 * is kept until `removeOldStatus`.
 */
export function rewindSecondStage(root: Root): void {
  const status = root.resolve('/var/lib/dpkg/status');
  if (status.found && status.stats.isFile() && status.stats.size > 0n) {
    using directory = openDirectory(posix.dirname(status.host));
    const name = posix.basename(status.host);
    // Keep the status that was put aside first: a later one comes from a second attempt.
    if (hasFile(directory, `/${oldStatus}`)) unlinkSync(directory.at(name));
    else renameSync(directory.at(name), directory.at(oldStatus));
    closeSync(openSync(directory.at(name), 'wx', 0o644));
  }
  const sbin = root.resolve('/sbin');
  if (!sbin.found || !sbin.stats.isDirectory()) return;
  using directory = openDirectory(sbin.host);
  using aside = directory.openPath('start-stop-daemon.REAL');
  if (aside?.stats.isFile())
    renameSync(directory.at('start-stop-daemon.REAL'), directory.at('start-stop-daemon'));
}

const oldStatus = 'status.elfinterp-old';

/** Remove the status that was put aside, when the second stage has made another one. */
export function removeOldStatus(root: Root): void {
  const there = root.resolve(`/var/lib/dpkg/${oldStatus}`);
  if (!there.found || !there.stats.isFile()) return;
  using directory = openDirectory(posix.dirname(there.host));
  unlinkSync(directory.at(posix.basename(there.host)));
}

/** Find debootstrap's log, which moves when the second stage is complete; undefined before there is one. */
export function findLog(target: string): string | undefined {
  const root = new Root(target);
  const logs = ['/debootstrap/debootstrap.log', '/var/log/bootstrap.log'].map((path) => root.resolve(path));
  return logs.flatMap((log) => (log.found ? [log.host] : []))[0];
}

function commandLine(suite: string, target: string, options: DebootstrapOptions): readonly string[] {
  const {architecture, mirror, variant, include = [], components = [], keyring, cacheDirectory} = options;
  const cache = cacheDirectory === undefined ? undefined : makeCache(cacheDirectory);
  return [
    findTool('debootstrap'),
    '--foreign',
    `--arch=${architecture}`,
    ...(variant === undefined ? [] : [`--variant=${variant}`]),
    ...(include.length === 0 ? [] : [`--include=${include.join(',')}`]),
    ...(components.length === 0 ? [] : [`--components=${components.join(',')}`]),
    ...(keyring === undefined ? [] : [`--keyring=${absolutePath(keyring)}`]),
    ...(cache === undefined ? [] : [`--cache-dir=${cache}`]),
    ...signatureOption(options),
    ...(options.debootstrapOptions ?? []),
    suite,
    target,
    ...(mirror === undefined ? [] : [mirror]),
  ];
}

/** Without a keyring, debootstrap unpacks unsigned packages by default, and root would run them. */
function signatureOption({checkSignatures, debootstrapOptions = []}: DebootstrapOptions): readonly string[] {
  if (debootstrapOptions.includes('--no-check-gpg')) return [];
  const check = checkSignatures ?? (process.geteuid?.() === 0 ? true : undefined);
  if (check === undefined) return [];
  return [check ? '--force-check-gpg' : '--no-check-gpg'];
}

function makeCache(directory: string): string {
  using cache = enterOwnWay(directory, {make: true});
  return cache.real;
}

/** This process's environment, with the directories of the machine's tools in PATH. */
function environment(user: boolean): Record<string, string> {
  const own = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  // An empty element would be the working directory.
  const PATH = [process.env.PATH ?? '', defaultPath].filter((part) => part !== '').join(':');
  return {...Object.fromEntries(own), PATH, ...(user ? {container: 'lxc'} : {})};
}

/** Bits of capabilities(7). */
const needed = [21n /* CAP_SYS_ADMIN */, 27n /* CAP_MKNOD */];

function mayMakeDevices(): boolean {
  if (process.geteuid?.() !== 0 || !inInitialUserNamespace()) return false;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const bits = BigInt(`0x${effective}`);
  return needed.every((bit) => ((bits >> bit) & 1n) === 1n);
}
