/*
 * A directory that is created, with its parents, for some work, and removed again if the work fails.
 */
import {rmdirSync} from 'node:fs';
import {posix} from 'node:path';
import {systemError} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';
import {absolutePath} from '../source/working-directory.js';
import type {OpenRoot} from './open-root.js';

/**
 * Do some work in a directory, which is created if it does not exist. If the work fails, what was created is removed.
 *
 * @param work is told whether the directory was made
 * @throws ElfError FILE_SYSTEM, and what `work` throws
 */
export function inDirectory<T>(
  machine: OpenRoot,
  path: string,
  work: (directory: DirFd, isNew: boolean) => T,
): T {
  const made: string[] = [];
  try {
    using directory = enter(machine, path, made);
    return work(directory, made.length > 0);
  } catch (error) {
    removeEmpty(machine, made);
    throw error;
  }
}

function enter(machine: OpenRoot, path: string, made: string[]): DirFd {
  try {
    return machine.enter(absolutePath(path), true, (one) => made.unshift(one));
  } catch (error) {
    throw systemError(path, error, 'cannot create the directory');
  }
}

/** Remove what was made, the innermost first. */
function removeEmpty(machine: OpenRoot, made: readonly string[]): void {
  try {
    for (const path of made) {
      using above = machine.enter(posix.dirname(path));
      rmdirSync(above.at(posix.basename(path)));
    }
  } catch {
    // It is no longer empty, or was moved.
  }
}
