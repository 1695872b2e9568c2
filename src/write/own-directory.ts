/*
 * A new directory of our own in one that may belong to another user, who can rename or replace it at any time. So it is
 * held by a descriptor, and accepted only if it is ours, closed to all others, and empty: another directory of root's
 * moved to its name is not.
 *
 * Some file systems give every directory the same owner and mode (drvfs, cifs, vfat): for an ordinary user that is
 * fine, as nothing in it is more exposed than the files beside it; for root the directory is refused.
 */
import {mkdtempSync, rmdirSync, type Stats} from 'node:fs';
import {posix} from 'node:path';
import {ElfError} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';

/** An open directory and the name that it got. */
export interface OwnDirectory {
  readonly name: string;
  readonly directory: DirFd;
}

/**
 * Make a directory and hold it.
 *
 * @param prefix of its name; random letters follow
 * @param begin makes the first file in it, or throws and leaves nothing
 * @throws ElfError CHANGED, UNSUPPORTED if it would not be ours alone, an error of the system, or what `begin` throws; the
 *   directory is then removed
 */
export function makeOwnDirectory(
  parent: DirFd,
  prefix: string,
  begin: (directory: DirFd) => void = () => {},
): OwnDirectory {
  const name = posix.basename(mkdtempSync(parent.at(prefix)));
  try {
    return {name, directory: openOwn(parent, name, begin)};
  } catch (error) {
    removeEmpty(parent, name);
    throw error;
  }
}

function openOwn(parent: DirFd, name: string, begin: (directory: DirFd) => void): DirFd {
  const directory = parent.directory(name);
  try {
    const path = posix.join(parent.real, name);
    if (directory === undefined) throw removed(path);
    if (!isOurs(directory.stats)) throw notPrivate(path, directory.stats);
    if (directory.names().length > 0) throw removed(path);
    begin(directory);
    return directory;
  } catch (error) {
    directory?.[Symbol.dispose]();
    throw error;
  }
}

function removed(path: string): ElfError {
  return new ElfError('CHANGED', 'another process removed the temporary directory', {path});
}

function notPrivate(path: string, {uid, mode}: Stats): ElfError {
  return new ElfError('UNSUPPORTED', 'cannot create a private directory', {
    path,
    expected: 'a file system that supports owners and modes, and no process that replaces the directory',
    got: `a directory of user ${uid} with mode 0${(mode & 0o7777).toString(8)}`,
  });
}

function removeEmpty(parent: DirFd, name: string): void {
  try {
    rmdirSync(parent.at(name));
  } catch {
    // It is gone, or another one has its name.
  }
}

/** Whether a directory is this user's. For root, it also has to be closed to all others. */
export function isOurs(stats: Stats): boolean {
  return isOwn(stats) && (process.geteuid?.() !== 0 || hasPrivateMode(stats));
}

/** Whether no one else can access its contents; false if the file system gives every directory the same mode. */
export function isPrivate(stats: Stats): boolean {
  return isOwn(stats) && hasPrivateMode(stats);
}

function isOwn({uid}: Stats): boolean {
  return uid === (process.geteuid?.() ?? uid);
}

function hasPrivateMode({mode}: Stats): boolean {
  return (mode & 0o777) === 0o700;
}
