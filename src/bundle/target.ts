/*
 * The directory that a bundle goes into. What was created of it is removed if the bundle fails.
 */
import {chmodSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError} from '../errors.js';
import {inDirectory} from '../loader/new-directory.js';
import {OpenRoot} from '../loader/open-root.js';
import type {Root} from '../loader/root.js';
import type {DirFd} from '../source/dir-fd.js';

/** Do something in a directory, which is made if it does not exist, and with those above it goes again if that fails. */
export function withTarget<T>(into: string, work: (target: OpenRoot, isNew: boolean) => T): T {
  using machine = new OpenRoot();
  return inDirectory(machine, into, (directory, isNew) => {
    using target = new OpenRoot(directory.dup());
    return work(target, isNew);
  });
}

/**
 * Let everybody enter a directory that was made, whatever the umask: it is the root directory of programs that run as
 * many users. In its place there may be another one by now; one that is empty holds nothing to be seen.
 */
export function openToAll(directory: DirFd): void {
  const {uid, mode} = directory.stats;
  if (uid === process.geteuid?.() && directory.names().length === 0)
    chmodSync(directory.path, (mode & 0o7777) | 0o755);
}

/** A directory of the bundle that exists already must be one, and not a link to elsewhere. */
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
