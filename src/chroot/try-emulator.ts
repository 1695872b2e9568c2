/*
 * Does a registered emulator start? Only a program that needs it can tell: a tiny one is written, started, and removed.
 */
import {spawnSync} from 'node:child_process';
import {chmodSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import tmp from 'tmp';
import type {Registration} from '../binfmt/registration.js';
import {targetOfFile} from '../binfmt/targets.js';
import {guestStatus, tinyGuest} from '../binfmt/tiny-guest.js';
import {ElfError, printable, systemError} from '../errors.js';
import {Root} from '../loader/root.js';
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
  const path = writeGuest(root, guest);
  try {
    const said = start(root, path);
    if (said === undefined) return;
    const what = `'${printable(name)}' is registered, and a program for ${target.name} does not run`;
    throw new ElfError('COMMAND_FAILED', what, {path: interpreter, got: said});
  } finally {
    rmSync(path, {force: true});
  }
}

/** In a chroot its root directory is the one place to which no link leads. */
function writeGuest(root: Root, guest: Uint8Array): string {
  const directory = root.isTrivial ? tmpdir() : root.host;
  try {
    const path = tmp.tmpNameSync({tmpdir: directory, prefix: '.elfinterp-guest'});
    writeFileSync(path, guest, {flag: 'wx'});
    chmodSync(path, 0o755);
    return path;
  } catch (error) {
    throw systemError(directory, error, 'cannot write a test program');
  }
}

/** What went wrong, in the words of who noticed. */
function start(root: Root, path: string): string | undefined {
  const command = root.isTrivial
    ? [path]
    : [findTool('unshare'), `--root=${root.host}`, path.slice(root.host.length)];
  const [program = '', ...args] = command;
  const {error, status, signal, stderr} = spawnSync(program, args, {encoding: 'utf8', timeout: 10_000});
  if (status === guestStatus) return undefined;
  return error?.message ?? (stderr.trim() || `${signal ?? `exit status ${status}`}`);
}
