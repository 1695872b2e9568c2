/*
 * A descriptor as a path.
 *
 * Node has no openat(2), fchownat(2) or renameat(2). But on Linux, /proc/self/fd/N is whatever descriptor N refers to,
 * no matter what happened to its name: opening it opens the same file again, and `/proc/self/fd/N/name` is what
 * openat(N, "name") would find.
 */
import {closeSync, statfsSync} from 'node:fs';
import {ElfError} from '../errors.js';

/** From Linux's fcntl.h, the same on every machine that Node runs on; Node does not export it. */
export const O_PATH = process.platform === 'linux' ? 0o10000000 : 0;

/** linux/magic.h */
const procMagic = 0x9fa0;

/**
 * A path that leads to an open file even when it is renamed or replaced.
 *
 * @param otherwise its name, for systems that have no such paths
 * @throws ElfError UNSUPPORTED on a Linux without /proc
 */
export function descriptorPath(fd: number, otherwise: string): string {
  if (process.platform !== 'linux') return otherwise;
  requireProc('keep files open');
  return `/proc/self/fd/${fd}`;
}

let isProcThere: boolean | undefined;

/**
 * Ask the kernel whether /proc is real: a directory that only looks like it could lead anywhere.
 *
 * @param purpose what cannot be done without /proc
 * @throws ElfError UNSUPPORTED
 */
export function requireProc(purpose: string): void {
  isProcThere ??= isOnProc('/proc/self/fd');
  if (isProcThere) return;
  throw new ElfError('UNSUPPORTED', `cannot ${purpose} without /proc`, {
    expected: 'the proc file system, mounted on /proc',
  });
}

/** Whether a path leads into the proc file system, whose links do not lead where their text says. */
export function isOnProc(path: string): boolean {
  try {
    return statfsSync(path).type === procMagic;
  } catch {
    return false;
  }
}

/** Close a descriptor that was read completely, or whose content is on disk: an error can lose nothing. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // It is closed anyway (close(2)).
  }
}
