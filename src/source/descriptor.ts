/*
 * A descriptor as a path.
 *
 * Node has no openat(2), fchownat(2) or renameat(2). But on Linux /proc/self/fd/N is whatever descriptor N is,
 * no matter what has become of its name: opening it opens that very file again, and `/proc/self/fd/N/name` is what
 * openat(N, "name") would find.
 */
import {closeSync, statfsSync} from 'node:fs';
import {ElfError} from '../errors.js';

/** fcntl.h of Linux, the same on every machine that Node runs on; Node does not name it. */
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
 * A directory that only looks like /proc could lead anywhere, so the kernel is asked.
 *
 * @param purpose what cannot be done without
 * @throws ElfError UNSUPPORTED
 */
export function requireProc(purpose: string): void {
  isProcThere ??= isOnProc('/proc/self/fd');
  if (isProcThere) return;
  throw new ElfError('UNSUPPORTED', `cannot ${purpose} without /proc`, {
    expected: 'the proc file system, mounted on /proc',
  });
}

/** Whether a path leads into the proc file system, whose links lead where no text says. */
export function isOnProc(path: string): boolean {
  try {
    return statfsSync(path).type === procMagic;
  } catch {
    return false;
  }
}

/** Close a descriptor from which everything was read, or whose content is on the disk: nothing can be lost now. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // It is closed even so (close(2)).
  }
}
