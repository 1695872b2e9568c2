import {isUtf8} from 'node:buffer';
import {readdirSync, renameSync, rmdirSync, unlinkSync} from 'node:fs';
import {systemError} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';

/**
 * Remove whatever has this name, with everything in it; it need not exist. Node's own `rm` works by paths, and could be
 * tricked into emptying a directory elsewhere if another user swaps a directory on the path.
 *
 * Nested directories are first moved to the top of the tree, so that few descriptors are open however deep it is, and
 * each gets a name that is valid UTF-8. A mount point in the tree is an error, and what is mounted stays.
 *
 * @throws ElfError FILE_SYSTEM
 */
export function removeTree(directory: DirFd, name: string): void {
  try {
    if (removeFile(directory.at(name))) return;
    using top = directory.directory(name);
    if (top !== undefined) empty(top);
    rmdirSync(directory.at(name));
  } catch (error) {
    throw systemError(`${directory.real}/${name}`, error, 'cannot remove');
  }
}

/** Remove the contents of a directory. */
function empty(top: DirFd): void {
  const free = unused(top.names());
  const queue: string[] = [];
  takeIn(top, top, free, queue);
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    {
      using directory = top.directory(next);
      if (directory !== undefined) takeIn(directory, top, free, queue);
    }
    rmdirSync(top.at(next));
  }
}

/** Remove the files of a directory; the directories in it move to the top, and into the queue. */
function takeIn(directory: DirFd, top: DirFd, free: Iterator<string, never>, queue: string[]): void {
  for (const path of pathsIn(directory)) {
    if (removeFile(path)) continue;
    const place = free.next().value;
    if (tryToMove(path, top.at(place))) queue.push(place);
    else {
      using inner = directory.directory(nameOf(path));
      if (inner !== undefined) empty(inner);
      rmdirSync(path);
    }
  }
}

/** Paths of all entries of a directory. JavaScript has no string for a name that is not UTF-8. */
function pathsIn(directory: DirFd): (string | Buffer)[] {
  return readdirSync(directory.path, {encoding: 'buffer'}).map((name) =>
    isUtf8(name) ? directory.at(name.toString()) : Buffer.concat([Buffer.from(`${directory.path}/`), name]),
  );
}

function nameOf(path: string | Buffer): string {
  return path.toString().replace(/^.*\//s, '');
}

function* unused(names: readonly string[]): Generator<string, never> {
  const used = new Set(names);
  for (let number = 0; ; number++) if (!used.has(`${number}`)) yield `${number}`;
}

/** Whether it was moved; a directory in an overlay's lower layer, or one that the user may not write to, stays. */
function tryToMove(from: string | Buffer, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    const {code = ''} = error as NodeJS.ErrnoException;
    if (['EXDEV', 'EACCES', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code)) return false;
    throw error;
  }
}

/** Remove a file. Returns false for a directory, for which Linux's unlink(2) fails with EISDIR. */
function removeFile(path: string | Buffer): boolean {
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
