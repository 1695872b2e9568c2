/*
 * The directory that a bundle goes into. What was created of it is removed if the bundle fails.
 */
import {rmdirSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {OpenRoot} from '../loader/open-root.js';
import type {Root} from '../loader/root.js';
import type {DirFd} from '../source/dir-fd.js';
import {absolutePath} from '../source/working-directory.js';

/** Do something in a directory, which is made if it does not exist, and with those above it goes again if that fails. */
export function withTarget<T>(into: string, work: (target: OpenRoot) => T): T {
  using machine = new OpenRoot();
  const made: string[] = [];
  try {
    using target = new OpenRoot(enterTarget(machine, into, made));
    return work(target);
  } catch (error) {
    removeEmptyDirectories(machine, made);
    throw error;
  }
}

function enterTarget(machine: OpenRoot, into: string, made: string[]): DirFd {
  try {
    return machine.enter(absolutePath(into), true, (path) => made.unshift(path));
  } catch (error) {
    throw systemError(into, error, 'cannot create the directory');
  }
}

/** Remove what was created, the innermost first. */
function removeEmptyDirectories(machine: OpenRoot, made: readonly string[]): void {
  try {
    for (const path of made) {
      using above = machine.enter(posix.dirname(path));
      rmdirSync(above.at(posix.basename(path)));
    }
  } catch {
    // Something is in it by now, or it is somewhere else.
  }
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
