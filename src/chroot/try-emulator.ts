/*
 * Does a registered emulator start? Only a program that needs it can tell: a tiny one is written, started, and removed.
 */
import {spawnSync} from 'node:child_process';
import {fchmodSync, openSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {posix} from 'node:path';
import tmp from 'tmp';
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
import {findTool} from './tools.js';

/**
 * Run a tiny program that a registered emulator is for, on this machine or in a chroot.
 *
 * @param chroot where the program runs, entered with chroot(2), without namespaces of its own; default: this machine
 * @throws ElfError COMMAND_FAILED with what the kernel or the emulator said; UNSUPPORTED when the entry is for no
 *   qemu-user target, or nothing may run where the program is put; FILE_SYSTEM, OUTSIDE
 */
export function tryEmulator({name, match, interpreter}: Registration, chroot = '/'): void {
  const target = match.type === 'magic' ? targetOfFile(match.magic) : undefined;
  const guest = target === undefined ? undefined : tinyGuest(target);
  if (target === undefined || guest === undefined) {
    throw new ElfError('UNSUPPORTED', `no test program is known for the entry '${printable(name)}'`);
  }
  const root = new Root(chroot);
  // In a chroot its root directory is the one place to which no link leads.
  using directory = openDirectory(root.isTrivial ? new Root(tmpdir()).host : root.host);
  refuseNoexec(directory, name);
  const file = writeGuest(directory, guest);
  try {
    const said = start(root, root.isTrivial ? posix.join(directory.real, file) : `/${file}`);
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
    const name = posix.basename(tmp.tmpNameSync({tmpdir: directory.real, prefix: '.elfinterp-guest'}));
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

/** What went wrong, in the words of who noticed. */
function start(root: Root, path: string): string | undefined {
  const command = root.isTrivial ? [path] : [findTool('unshare'), `--root=${root.host}`, path];
  const [program = '', ...args] = command;
  // An emulator of a chroot gets nothing of this process, and cannot refuse to end.
  const {error, status, signal, stderr} = withoutInherited(3, (rest) =>
    spawnSync(program, args, {
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGKILL',
      cwd: '/',
      env: {PATH: defaultPath, LC_ALL: 'C'},
      stdio: ['ignore', 'ignore', 'pipe', ...rest],
    }),
  );
  if (status === guestStatus) return undefined;
  return error?.message ?? (stderr.trim() || `${signal ?? `exit status ${status}`}`);
}
