/*
 * Does a registered emulator start? Only a program that needs it can tell: a tiny one is written, started, and removed.
 */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {fchmodSync, openSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {posix} from 'node:path';
import {refuseDisabled, registerInTable, type TableOptions, unregisterFromTable} from '../binfmt/emulator.js';
import {mustFindTable} from '../binfmt/mount.js';
import type {Registration} from '../binfmt/registration.js';
import {targetOfFile} from '../binfmt/targets.js';
import {guestStatus, tinyGuest} from '../binfmt/tiny-guest.js';
import {ElfError, printable, systemError} from '../errors.js';
import {Root} from '../loader/root.js';
import {closeQuietly} from '../source/descriptor.js';
import {type DirFd, openDirectory} from '../source/dir-fd.js';
import {withoutInherited} from './inherited.js';
import {mountOf} from './mount-of.js';
import {defaultPath} from './program.js';
import {untilSignal} from './signals.js';
import {findTool} from './tools.js';
import {unusedName} from './unused-name.js';

/** How to register an entry that has to work. */
export interface TriedOptions extends TableOptions {
  /** As for `tryEmulator`. */
  readonly chroot?: string | undefined;
  /** Called with each thing that might not be as expected. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Register an interpreter and test it. The entry is removed if it does not work, or if a signal ends the test.
 *
 * @throws ElfError as `registerInTable` and `tryEmulator` do
 */
export async function registerTried(registration: Registration, options: TriedOptions = {}): Promise<void> {
  const {chroot, onWarning = () => {}} = options;
  refuseDisabled(mustFindTable(options.table).mountPoint);
  await untilSignal(async (signal) => {
    for (const note of registerInTable(registration, options)) onWarning(note);
    try {
      await tryEmulator(registration, chroot, signal);
    } catch (error) {
      unregisterFromTable(registration.name, options);
      throw error;
    }
  });
}

/**
 * Run a tiny program that a registered emulator is for, on this machine or in a chroot.
 *
 * @param chroot where the program runs, entered with chroot(2), without namespaces of its own; default: this machine
 * @param signal ends it early; default: SIGTERM, SIGHUP and SIGINT do, and then end this process
 * @throws ElfError COMMAND_FAILED with what the kernel or the emulator said; UNSUPPORTED when the entry is for no
 *   qemu-user target, or nothing may run where the program is put; FILE_SYSTEM, OUTSIDE
 */
export async function tryEmulator(
  registration: Registration,
  chroot = '/',
  signal?: AbortSignal,
): Promise<void> {
  if (signal === undefined) return untilSignal((own) => tryEmulator(registration, chroot, own));
  const {name, match, interpreter} = registration;
  const target = match.type === 'magic' ? targetOfFile(match.magic) : undefined;
  const guest = target === undefined ? undefined : tinyGuest(target);
  if (target === undefined || guest === undefined) {
    throw new ElfError('UNSUPPORTED', `no test program is known for the entry '${printable(name)}'`);
  }
  const root = new Root(chroot);
  // In a chroot, the root directory is the one place that no link can redirect.
  using directory = openDirectory(root.isTrivial ? new Root(tmpdir()).host : root.host);
  refuseNoexec(directory, name);
  const file = writeGuest(directory, guest);
  try {
    const said = await start(root, root.isTrivial ? posix.join(directory.real, file) : `/${file}`, signal);
    if (said === undefined) return;
    const what = `a program for ${target.name} does not run with the entry '${printable(name)}'`;
    throw new ElfError('COMMAND_FAILED', what, {path: interpreter, got: said});
  } finally {
    rmSync(directory.at(file), {force: true});
  }
}

/** On such a file system no program starts, whatever is registered. */
function refuseNoexec({real}: DirFd, name: string): void {
  const mount = mountOf(real);
  if (!mount?.options.includes('noexec')) return;
  throw new ElfError('UNSUPPORTED', `the entry '${printable(name)}' cannot be tested`, {
    path: mount.path,
    expected: 'a directory in which programs can be executed',
    got: 'a file system mounted with noexec',
  });
}

/** Write the program under a name that is free. */
function writeGuest(directory: DirFd, guest: Uint8Array): string {
  try {
    const name = unusedName(directory, '.elfinterp-guest');
    const fd = openSync(directory.at(name), 'wx');
    try {
      writeFileSync(fd, guest);
      fchmodSync(fd, 0o755);
      return name;
    } catch (error) {
      rmSync(directory.at(name), {force: true});
      throw error;
    } finally {
      closeQuietly(fd);
    }
  } catch (error) {
    throw systemError(directory.real, error, 'cannot write a test program');
  }
}

/** In milliseconds. */
const longest = 60_000;

/** Characters to keep of a program's messages. */
const mostSaid = 4096;

/** What went wrong, as reported by whoever noticed it. */
async function start(root: Root, path: string, signal: AbortSignal): Promise<string | undefined> {
  const command = root.isTrivial ? [path] : [findTool('unshare'), `--root=${root.host}`, path];
  const [program = '', ...args] = command;
  const tooLong = AbortSignal.timeout(longest);
  try {
    // An emulator of a chroot gets nothing of this process, and cannot refuse to end.
    const child = withoutInherited(3, (rest) =>
      spawn(program, args, {
        killSignal: 'SIGKILL',
        signal: AbortSignal.any([signal, tooLong]),
        cwd: '/',
        env: {PATH: defaultPath, LC_ALL: 'C'},
        stdio: ['ignore', 'ignore', 'pipe', ...rest],
      }),
    );
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(0, mostSaid);
    });
    const [status, end] = await once(child, 'close');
    if (status === guestStatus) return undefined;
    return said.trim() || `${end ?? `exit status ${status}`}`;
  } catch (error) {
    return tooLong.aborted ? `no end within ${longest / 1000} seconds` : (error as Error).message;
  }
}
