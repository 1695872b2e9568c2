/*
 * Run a command of this machine with emulators registered for it alone: for programs that make their own containers
 * (buildah, podman) and for test suites of other architectures. There is no chroot; the command sees this machine's
 * files, and a table of binfmt_misc in which the emulators are.
 *
 * A namespace that the command makes itself has no table of its own and sees this one (fs/binfmt_misc.c,
 * load_binfmt_misc), and flag F makes the emulators start in every root.
 */
import {targetByName} from '../binfmt/targets.js';
import {ElfError, printable} from '../errors.js';
import {requireProc} from '../source/descriptor.js';
import {absolutePath} from '../source/working-directory.js';
import {describeArchitecture} from './architecture.js';
import {pastShells} from './environment.js';
import {findHostEmulator, locateEmulator} from './find-emulator.js';
import {readHostEntries} from './host-entries.js';
import {type IdMap, type IdMapKind, planIdMap, writeIdMap} from './idmap.js';
import {fetchEmulators, targetOfEmulator, type WantedEmulator} from './machine-emulators.js';
import {planMachineMounts, planPrivateTable} from './mounts.js';
import {type Namespace, openNamespace, type Stream} from './namespace.js';
import {explainMount, fillTable} from './private-table.js';
import {type ChrootRunResult, dropRights} from './run.js';
import {findTool} from './tools.js';

/** How a command is run with emulators. */
export interface EmulatedRunOptions {
  /** Flags of the registrations, out of P, O and C; F is added. Default: `P`. */
  readonly flags?: string | undefined;
  /**
   * Default: `auto`, which is `identity` as root, else `subordinate` if the user has such ids, else `single`. In the
   * last two the user is root inside, as with `buildah unshare`. With `own`, the command keeps the user's own id,
   * without privileges.
   */
  readonly idMap?: IdMapKind | 'auto' | 'own' | undefined;
  /** The command's whole environment. Default: this process's own. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Default: this process's own. */
  readonly cwd?: string | undefined;
  /** Standard input, output and error. Default: this process's own. */
  readonly stdio?: readonly [Stream, Stream, Stream] | undefined;
  /** Called when something takes long, with a description of it. */
  readonly onProgress?: ((message: string) => void) | undefined;
  /** Called with each warning about something unexpected that does not stop the run. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Run a command of this machine with emulators registered for it alone, and wait for it.
 *
 * @param emulators what to emulate: Debian architectures (arm64), qemu-user targets (aarch64), or paths of emulators
 * @throws ElfError BAD_REQUEST (no command), NOT_FOUND (no such emulator), UNSUPPORTED (no such architecture, or the
 *   kernel does not allow it)
 * @example
 *   const {exitCode} = await runEmulated(['arm64'], ['make', 'check'], {idMap: 'own'});
 *   console.log(exitCode);
 */
export async function runEmulated(
  emulators: readonly string[],
  command: readonly string[],
  options: EmulatedRunOptions = {},
): Promise<ChrootRunResult> {
  if (command.length === 0) throw new ElfError('BAD_REQUEST', 'no command to run');
  requireProc('run a command with emulators');
  const namespace = await enterMachine(emulators, command, options);
  try {
    return {exitCode: await namespace.run()};
  } finally {
    namespace.close();
  }
}

/** Everything up to the command's start. An emulator's temporary file is gone by then: the table has it open. */
async function enterMachine(
  emulators: readonly string[],
  command: readonly string[],
  options: EmulatedRunOptions,
): Promise<Namespace> {
  const {stdio = ['inherit', 'inherit', 'inherit'], onWarning = () => {}} = options;
  using files = await fetchEmulators(emulators.map(wantedFor), options.flags, options);
  const {registrations} = files;
  const hostEntries = readHostEntries(onWarning);
  const keepsId = options.idMap === 'own';
  const idMap = planIdMap(options.idMap === 'own' ? 'auto' : options.idMap);
  const given = definedOnly(options.env ?? process.env);
  const cwd = absolutePath(options.cwd ?? '.');
  // Make's $(PWD) is this variable. The caller's own may go through a link.
  const PWD = options.cwd === undefined ? (given.PWD ?? cwd) : cwd;
  const environment = {...given, PWD, ...(keepsId ? {} : rootless(idMap))};
  const {env, outside} = pastShells(Object.entries(environment));
  const namespace = await openNamespace({
    setup: [planMachineMounts(), planPrivateTable()].join('\n'),
    command: [...dropRights(idMap), ...outside, ...entering(cwd, keepsId), ...command],
    env,
    stdio,
    onWarning,
  });
  try {
    writeIdMap(namespace.pid, idMap);
    await namespace.proceed('mounted').catch(explainMount);
    fillTable(namespace, {registrations, hostEntries, onWarning});
    return namespace;
  } catch (error) {
    namespace.close();
    throw error;
  }
}

/** An emulator by what it is for, or by where it is. */
function wantedFor(text: string): WantedEmulator {
  if (text.includes('/') || text.startsWith('qemu-')) {
    const program = locateEmulator(text);
    return {program, target: targetOfEmulator(program)};
  }
  const {name, targets} = architectureOf(text);
  const [target] = targets;
  if (target === undefined) throw new ElfError('UNSUPPORTED', `qemu-user has no target ${printable(name)}`);
  return {program: findHostEmulator({name, targets}), target};
}

/** Debian's name, or qemu's where Debian has none for it. */
function architectureOf(name: string) {
  const target = targetByName(name);
  return target === undefined ? describeArchitecture(name) : {name, targets: [target]};
}

/** Return to the working directory; to keep the user's own id, in a user namespace in which it is the only one. */
function entering(cwd: string, keepsId: boolean): readonly string[] {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  const own = keepsId && uid !== 0 ? ['--user', `--map-user=${uid}`, `--map-group=${gid}`] : [];
  return [findTool('unshare'), ...own, `--wd=${cwd}`, '--'];
}

/**
 * How buildah, podman and skopeo recognize a user namespace made for them, as by `buildah unshare` (containers/storage,
 * pkg/unshare): they then use the user's own storage.
 */
function rootless({kind}: IdMap): Record<string, string> {
  if (kind === 'identity') return {};
  return {
    _CONTAINERS_USERNS_CONFIGURED: 'done',
    _CONTAINERS_ROOTLESS_UID: String(process.geteuid?.()),
    _CONTAINERS_ROOTLESS_GID: String(process.getegid?.()),
  };
}

function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
