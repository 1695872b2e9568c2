import {rmdirSync, unlinkSync} from 'node:fs';
import {systemError} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';

/**
 * Remove what is under a name, with all that is in it; nothing is as good. Node's own `rm` goes by paths, and would
 * empty a directory elsewhere that another user swaps for one on its way.
 *
 * @throws ElfError FILE_SYSTEM
 */
export function removeTree(directory: DirFd, name: string): void {
  const path = directory.at(name);
  try {
    if (removeFile(path)) return;
    using child = directory.directory(name);
    for (const inside of child?.names() ?? []) if (child !== undefined) removeTree(child, inside);
    rmdirSync(path);
  } catch (error) {
    throw systemError(`${directory.real}/${name}`, error, 'cannot remove');
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
