/*
 * The directory that a bundle goes into. What was made of it for nothing is taken away again.
 */
import {mkdirSync, rmdirSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError, inWords, systemError} from '../errors.js';
import {Root} from '../loader/root.js';
import {absolutePath} from '../source/working-directory.js';
import type {Layout} from './plan-bundle.js';

/** Do something in a directory, which is made if it does not exist, and with those above it goes again if that fails. */
export function withTarget<T>(into: string, layout: Layout, work: (target: Root) => T): T {
  const made = makeDirectory(into);
  try {
    const target = targetAt(into, layout);
    return inWords(target.host, () => work(target));
  } catch (error) {
    if (made !== undefined) removeEmptyDirectories(absolutePath(into), made);
    throw error;
  }
}

/** Make a directory and those above it. @returns the uppermost that was made */
function makeDirectory(path: string): string | undefined {
  try {
    const made = mkdirSync(path, {recursive: true});
    return made && absolutePath(made);
  } catch (error) {
    throw systemError(path, error, 'cannot make the directory');
  }
}

/** Take away what was made for nothing, from a directory up to one above it. */
function removeEmptyDirectories(from: string, to: string): void {
  try {
    for (let path = from; path.length >= to.length; path = posix.dirname(path)) rmdirSync(path);
  } catch {
    // Something is in it by now.
  }
}

/** The target; each directory of the layout that exists there must be one, and not a link elsewhere. */
function targetAt(into: string, layout: Layout): Root {
  const root = new Root(into);
  requireOwnDirectories(root, [layout.prefix, layout.libs]);
  return root;
}

/** A directory of the bundle that exists already must be one, and not a link to elsewhere. */
export function requireOwnDirectories(root: Root, directories: Iterable<string>): void {
  for (const path of directories) {
    const there = root.resolve(path);
    const isFree =
      !there.found && there.code === 'ENOENT' && path === posix.join(there.reached, ...there.rest);
    if (isFree || (there.found && there.inside === path && there.stats.isDirectory())) continue;
    throw new ElfError('OUTSIDE', `${path} is not a directory of its own there`, {
      path: root.host,
      expected: 'a directory, or nothing yet',
      got: there.found ? `a way to ${there.inside}` : `${there.code} at ${there.reached}`,
    });
  }
}
