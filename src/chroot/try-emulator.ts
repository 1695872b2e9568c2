/*
 * Does a registered emulator start? Only a program that needs it can tell: a tiny one is written, started, and removed.
 */
import {spawnSync} from 'node:child_process';
import {closeSync, fchmodSync, openSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {posix} from 'node:path';
import tmp from 'tmp';
import type {Registration} from '../binfmt/registration.js';
import {targetOfFile} from '../binfmt/targets.js';
import {guestStatus, tinyGuest} from '../binfmt/tiny-guest.js';
import {ElfError, printable, systemError} from '../errors.js';
import {Root} from '../loader/root.js';
import {type DirFd, openDirectory} from '../source/dir-fd.js';
import {findTool} from './tools.js';

/**
 * Run a tiny program that a registered emulator is for, on this machine or in a chroot.
 *
 * @param chroot where the program runs, entered with chroot(2), without namespaces of its own; default: this machine
 * @throws ElfError COMMAND_FAILED with what the kernel or the emulator said; UNSUPPORTED when the entry is for no
 *   qemu-user target; FILE_SYSTEM, OUTSIDE
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
  const file = writeGuest(directory, guest);
  try {
    const said = start(root, root.isTrivial ? posix.join(directory.real, file) : `/${file}`);
    if (said === undefined) return;
    const what = `'${printable(name)}' is registered, but a program for ${target.name} does not run`;
    throw new ElfError('COMMAND_FAILED', what, {path: interpreter, got: said});
  } finally {
    rmSync(directory.at(file), {force: true});
  }
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
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw systemError(directory.real, error, 'cannot write a test program');
  }
}

/** What went wrong, in the words of who noticed. */
function start(root: Root, path: string): string | undefined {
  const command = root.isTrivial ? [path] : [findTool('unshare'), `--root=${root.host}`, path];
  const [program = '', ...args] = command;
  const {error, status, signal, stderr} = spawnSync(program, args, {encoding: 'utf8', timeout: 60_000});
  if (status === guestStatus) return undefined;
  return error?.message ?? (stderr.trim() || `${signal ?? `exit status ${status}`}`);
}
