import {renameSync, rmdirSync, unlinkSync} from 'node:fs';
import {systemError} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';

/**
 * Remove what is under a name, with all that is in it; it need not exist. Node's own `rm` goes by paths, and would empty
 * a directory elsewhere that another user swaps for one on its way.
 *
 * A directory in a directory of the tree is moved to its top first, so however deep the tree is, few descriptors are open. A
 * mount point in it is an error, and what is mounted stays.
 *
 * @throws ElfError FILE_SYSTEM
 */
export function removeTree(directory: DirFd, name: string): void {
  try {
    if (removeFile(directory.at(name))) return;
    using top = directory.directory(name);
    const queue = top?.names() ?? [];
    const free = unused(queue);
    for (let next = queue.pop(); top !== undefined && next !== undefined; next = queue.pop())
      if (!removeFile(top.at(next))) flatten(top, next, free, queue);
    rmdirSync(directory.at(name));
  } catch (error) {
    throw systemError(`${directory.real}/${name}`, error, 'cannot remove');
  }
}

/** Remove a directory of the top and the files in it; directories in it move to the top and into the queue. */
function flatten(top: DirFd, name: string, free: Iterator<string, never>, queue: string[]): void {
  {
    using directory = top.directory(name);
    for (const inside of directory?.names() ?? []) {
      if (directory === undefined || removeFile(directory.at(inside))) continue;
      const place = free.next().value;
      if (tryToMove(directory.at(inside), top.at(place))) queue.push(place);
      else removeTree(directory, inside);
    }
  }
  rmdirSync(top.at(name));
}

function* unused(names: readonly string[]): Generator<string, never> {
  const used = new Set(names);
  for (let number = 0; ; number++) if (!used.has(`${number}`)) yield `${number}`;
}

/** Whether it was moved; a directory of an overlay's lower layer, or one that its user may not write to, stays. */
function tryToMove(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    const {code = ''} = error as NodeJS.ErrnoException;
    if (['EXDEV', 'EACCES', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code)) return false;
    throw error;
  }
}

/** Whether it is gone; a directory is not. unlink(2) of Linux says EISDIR for one. */
function removeFile(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'EISDIR' || code === 'EPERM') return false;
    throw error;
  }
}
