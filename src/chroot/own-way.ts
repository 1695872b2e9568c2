/*
 * Directories that debootstrap works in.
 *
 * debootstrap works with paths. As root it must not be given one that another user can redirect, because it would
 * create and overwrite files wherever that user likes. Checking before the directory is created is not enough: in /tmp
 * another user may create it first.
 */
import {ElfError, systemError} from '../errors.js';
import {OpenRoot} from '../loader/open-root.js';
import type {DirFd} from '../source/dir-fd.js';
import {absolutePath} from '../source/working-directory.js';

/**
 * Hold a directory. As root, refuse one whose path another user can change.
 *
 * @param make make it, and those above it, where they do not exist
 * @throws ElfError OUTSIDE, CHANGED when it was replaced meanwhile, FILE_SYSTEM
 */
export function enterOwnWay(directory: string, {make = false}: {make?: boolean} = {}): DirFd {
  using machine = new OpenRoot();
  requireOwnWay(machine, directory);
  const entered = enter(machine, directory, make);
  try {
    requireSame(machine, directory, entered);
    requireOwnWay(machine, directory);
    return entered;
  } catch (error) {
    entered[Symbol.dispose]();
    throw error;
  }
}

function enter(machine: OpenRoot, directory: string, make: boolean): DirFd {
  try {
    return machine.enter(absolutePath(directory), make);
  } catch (error) {
    throw systemError(directory, error, make ? 'cannot create the directory' : undefined);
  }
}

function requireOwnWay(machine: OpenRoot, directory: string): void {
  if (process.geteuid?.() !== 0) return;
  const foreigner = machine.foreignerOf(absolutePath(directory));
  if (foreigner === undefined) return;
  const who = foreigner === 'anybody' ? 'other users' : `user ${foreigner}`;
  throw new ElfError(
    'OUTSIDE',
    `${who} can change where this path points while debootstrap works there as root`,
    {
      path: directory,
      expected: 'a directory that only root can change; or run elfinterp as the owner of this one',
    },
  );
}

function requireSame(machine: OpenRoot, directory: string, {bigStats}: DirFd): void {
  const there = machine.resolve(absolutePath(directory));
  if (there.found && there.stats.dev === bigStats.dev && there.stats.ino === bigStats.ino) return;
  throw new ElfError('CHANGED', 'the directory was replaced while being created', {path: directory});
}
