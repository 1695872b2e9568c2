/*
 * A directory of our own, beside or in the one that will change, in which everything is made ready: no one else can
 * look into it, and a run that is killed leaves nothing else.
 *
 * The directory that it is in may belong to another user, who can rename it or put another one in its place at any
 * moment. So it is held, it counts only if it is ours, private and empty, and what is in it is removed through its
 * descriptor.
 */
import {chmodSync, chownSync, mkdtempSync, rmdirSync, type Stats} from 'node:fs';
import {posix} from 'node:path';
import {ElfError, systemError} from '../../errors.js';
import {enter} from '../../loader/inside.js';
import type {DirFd} from '../../source/dir-fd.js';
import {identityPattern, isRunning, ownIdentity} from '../../write/process-identity.js';
import {removeTree} from '../../write/remove-tree.js';

const prefix = '.elfinterp-repair-';

/** The list of what a run is about to move. */
export const journalName = 'journal.json';

/** Whether a name is that of such a directory. */
export function isStaging(name: string): boolean {
  return name.startsWith(prefix);
}

/** A staging directory that is held. */
export interface StagingDirectory {
  readonly name: string;
  readonly directory: DirFd;
}

/**
 * Do something with a staging directory, which is gone afterwards.
 *
 * @param alone refuse to work beside another run: in a package itself
 * @throws what `work` throws, or ElfError BUSY
 */
export async function withStaging<T>(
  parent: DirFd,
  work: (staging: StagingDirectory) => Promise<T>,
  alone?: 'alone',
): Promise<T> {
  const name = make(parent);
  using directory = openOwn(parent, name);
  try {
    if (alone) requireAlone(parent, name);
    return await work({name, directory});
  } finally {
    removeStaging(parent, name, directory);
  }
}

function make(parent: DirFd): string {
  try {
    return posix.basename(mkdtempSync(parent.at(`${prefix}${ownIdentity()}-`)));
  } catch (error) {
    throw systemError(parent.real, error, 'cannot write');
  }
}

function openOwn(parent: DirFd, name: string): DirFd {
  const directory = parent.directory(name);
  if (directory !== undefined && isOwn(directory.stats) && directory.names().length === 0) {
    leaveGroup(directory);
    return directory;
  }
  const got = directory === undefined ? 'nothing' : `a directory of user ${directory.stats.uid}`;
  directory?.[Symbol.dispose]();
  throw new ElfError('CHANGED', 'another process removed the staging directory', {
    path: `${parent.real}/${name}`,
    expected: 'a private, empty directory owned by you',
    got,
  });
}

/** Root's has to be closed to all others; a file system that keeps no modes will do for an ordinary user. */
function isOwn({uid, mode}: Stats): boolean {
  const user = process.geteuid?.();
  return uid === user && (user !== 0 || (mode & 0o777) === 0o700);
}

/** In a set-group-ID directory new ones get its group, and what root copies would be open to that group. */
function leaveGroup(directory: DirFd): void {
  if (process.geteuid?.() !== 0 || process.getegid === undefined) return;
  chownSync(directory.path, 0, process.getegid());
  chmodSync(directory.path, 0o700);
}

/** The list goes first: without it there is nothing to undo any more. */
const parts: readonly string[] = [journalName, `${journalName}.new`, 'new', 'replaced'];

/** Whatever the name is by now, only this directory is emptied. */
export function removeStaging(parent: DirFd, name: string, directory: DirFd): void {
  for (const part of parts) removeTree(directory, part);
  try {
    rmdirSync(parent.at(name));
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    // It was renamed, or something else is in its place.
    if (!['ENOENT', 'ENOTDIR', 'ENOTEMPTY'].includes(code ?? ''))
      throw systemError(`${parent.real}/${name}`, error, 'cannot remove');
  }
}

/** Two repairs of one package would each take the other's files for the old ones. */
function requireAlone(parent: DirFd, own: string): void {
  const other = parent
    .names()
    .find((name) => isStaging(name) && name !== own && isRunning(holderOf(name)) !== false);
  if (other === undefined) return;
  throw new ElfError('BUSY', 'another elfinterp process is working here', {
    path: parent.real,
    expected: `${other} to disappear`,
    got: `process ${holderOf(other)}`,
  });
}

/** Who made it: what `ownIdentity` says, followed by random letters. */
function holderOf(name: string): string {
  return new RegExp(`^${identityPattern}(?=-)`).exec(name.slice(prefix.length))?.[0] ?? '';
}

/** The names of staging directories whose makers are gone. */
export function staleNames(parent: DirFd): string[] {
  return parent.names().filter((name) => isStaging(name) && isRunning(holderOf(name)) === false);
}

/**
 * Hold what a killed run of this user left; undefined for anything else of such a name. The owner of the package could
 * give the name to a directory of root's, so one with other things in it is left alone.
 */
export function openStale(parent: DirFd, name: string): DirFd | undefined {
  using entry = parent.openPath(name);
  if (!entry?.stats.isDirectory()) return undefined;
  const directory = parent.directory(name);
  if (
    directory !== undefined &&
    isOwn(directory.stats) &&
    directory.names().every((one) => parts.includes(one))
  )
    return directory;
  directory?.[Symbol.dispose]();
  return undefined;
}

/** Do something with the directory of a path of the package, which is made when it does not exist. */
export function inDirectoryOf<T>(top: DirFd, path: string, work: (directory: DirFd, name: string) => T): T {
  using directory = enter(top, parentOf(path), 'make');
  if (directory === undefined)
    throw new ElfError('NOT_FOUND', 'no such directory', {path: posix.join(top.real, path)});
  return work(directory, posix.basename(path));
}

/** The directory of a path of the package, as `enter` wants it: nothing for the package's own. */
export function parentOf(path: string): string {
  const parent = posix.dirname(path);
  return parent === '.' ? '' : parent;
}
