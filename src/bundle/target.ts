/*
 * The directory that a bundle goes into. Any part of its path that was created is removed if bundling fails.
 */
import {chmodSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError} from '../errors.js';
import {inDirectory} from '../loader/new-directory.js';
import {OpenRoot} from '../loader/open-root.js';
import type {Root} from '../loader/root.js';
import type {DirFd} from '../source/dir-fd.js';

/**
 * Do something in a directory. If it does not exist, it is created with its parents, and they are removed again if that
 * fails.
 */
export function withTarget<T>(into: string, work: (target: OpenRoot, isNew: boolean) => T): T {
  using machine = new OpenRoot();
  return inDirectory(machine, into, (directory, isNew) => {
    using target = new OpenRoot(directory.dup());
    return work(target, isNew);
  });
}

/**
 * Let everybody enter a directory that was just made, whatever the umask: it is the root directory of programs that run
 * as many users. Another one may have taken its place by now, but an empty one has nothing to expose.
 */
export function openToAll(directory: DirFd): void {
  const {uid, mode} = directory.stats;
  if (uid === process.geteuid?.() && directory.names().length === 0)
    chmodSync(directory.path, (mode & 0o7777) | 0o755);
}

/** A directory of the bundle that already exists must be a real directory, not a link to elsewhere. */
export function requireOwnDirectories(root: Root, directories: Iterable<string>): void {
  for (const path of directories) {
    const there = root.resolve(path);
    const isFree =
      !there.found && there.code === 'ENOENT' && path === posix.join(there.reached, ...there.rest);
    if (isFree || (there.found && there.inside === path && there.stats.isDirectory())) continue;
    throw new ElfError('OUTSIDE', `${path} is not a real directory there`, {
      path: root.host,
      expected: 'a directory, or nothing yet',
      got: there.found ? `a path that leads to ${there.inside}` : `${there.code} at ${there.reached}`,
    });
  }
}
