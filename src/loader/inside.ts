/*
 * Paths of a root that elfinterp changes, and those that both sides use: elfinterp from outside, the kernel and the
 * programs from inside. A symbolic link on the way could mean a different file to each, and a root may have been
 * prepared by a user who hopes for that. `bundle` writes no such link, so none is followed.
 */
import {posix} from 'node:path';
import {ElfError, errnoError, systemError} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';
import type {FileSource} from '../source/file.js';
import type {Root} from './root.js';

/**
 * Find a file of a bundle.
 *
 * @param path absolute and normal, seen from inside
 * @returns its path on this machine; undefined when it does not exist
 * @throws ElfError OUTSIDE when there is a symbolic link on the way, wherever it leads; FILE_SYSTEM when that cannot be
 *   known
 */
export function findOwn(root: Root, path: string): string | undefined {
  const there = root.resolve(path);
  const end = there.found ? there.inside : posix.join(there.reached, ...there.rest);
  if (end !== path || (!there.found && there.code === 'ELOOP')) {
    throw new ElfError('OUTSIDE', `${path} is reached through a symbolic link`, {
      path: root.host,
      expected: 'real directories and files',
      got: end === path ? 'a symbolic link loop' : `a path that leads to ${end}`,
    });
  }
  if (there.found) return there.host;
  if (there.code === 'ENOENT' || there.code === 'ENOTDIR') return undefined;
  // A path that cannot be examined must not be treated as missing.
  throw systemError(root.hostPath(path), errnoError(there.code));
}

/** Open such a file; undefined when it does not exist. @throws ElfError OUTSIDE, NOT_A_FILE, CHANGED, FILE_SYSTEM */
export function openOwn(root: Root, path: string): FileSource | undefined {
  const host = findOwn(root, path);
  return host === undefined ? undefined : root.source(host);
}

/**
 * Open a directory that is reached without links, from one that is open.
 *
 * @param path absolute and normal, seen from there
 * @param make create missing directories on the way
 * @returns undefined when it does not exist
 * @throws ElfError OUTSIDE when there is a link or a file on the way
 */
export function enter(top: DirFd, path: string, make: 'make'): DirFd;
export function enter(top: DirFd, path: string, make?: 'make'): DirFd | undefined;
export function enter(top: DirFd, path: string, make?: 'make'): DirFd | undefined {
  let here = top.dup();
  for (const name of path.split('/').filter((part) => part !== '')) {
    using above = here;
    const next = make ? above.make(name) : above.directory(name);
    if (next === undefined) return undefined;
    here = next;
  }
  return here;
}
