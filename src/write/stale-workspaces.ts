/*
 * What killed processes left beside the files that they changed: workspaces are removed, and files that an edit in place
 * left half written get their old bytes back first.
 */
import {renameSync, rmdirSync, unlinkSync} from 'node:fs';
import {join} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';
import {isPrivate} from './own-directory.js';
import {isRunning, ownIdentity} from './process-identity.js';
import {removeTree} from './remove-tree.js';
import {findHalfWritten} from './undo-record.js';
import {isUndoName, isWorkspace, markName, ownerOf, workspacePrefix} from './workspace-names.js';

/** A file that an interrupted edit left half written. */
export interface Undone {
  readonly name: string;
  /** Why it is still half written; undefined if it has its old content again. */
  readonly error?: ElfError | undefined;
}

/** In milliseconds, longer than any edit takes; for processes that cannot be identified here. */
const longestEdit = 24 * 60 * 60 * 1000;

/** The same for writing bytes that are ready in memory. */
const longestWrite = 60 * 1000;

/** Remove what killed processes left in a directory, and undo what they left half written. */
export function removeStale(directory: DirFd): Undone[] {
  return namesIn(directory).flatMap((name) => {
    const owner = ownerOf(name);
    const running = owner === undefined || isRunning(owner);
    if (running === true) return [];
    try {
      return removeOne(directory, name, running === 'unknown');
    } catch {
      // A later run tries again.
      return [];
    }
  });
}

/** The names in a directory; none if it may not be read. */
function namesIn(directory: DirFd): string[] {
  try {
    return directory.names();
  } catch {
    return [];
  }
}

/**
 * An empty workspace was left before its mark was created, or after it was removed.
 *
 * @param isUnknown whether its process may still be running, in another container or on another machine
 */
function removeOne(directory: DirFd, name: string, isUnknown: boolean): Undone[] {
  using left = directory.directory(name);
  if (left === undefined || !isPrivate(left.stats)) return [];
  const names = left.names();
  if (names.length > 0 && !isWorkspace(names)) return [];
  const age = Date.now() - left.stats.ctimeMs;
  const records = names.filter(isUndoName);
  if (isUnknown && age < (records.length > 0 ? longestWrite : longestEdit))
    return records.flatMap((record) => busy(directory, left, record));
  const claimed = claim(directory, name, left);
  const undone = records.flatMap((record) => undoOne(directory, left, record));
  if (undone.some(({error}) => error !== undefined)) return undone;
  for (const inside of left.names().filter((one) => one !== markName)) removeTree(left, inside);
  removeTree(left, markName);
  rmdirSync(directory.at(claimed));
  return undone;
}

/** Give it a name of this process, which only one of several can do. @throws an error of the system */
function claim(directory: DirFd, name: string, {stats}: DirFd): string {
  const letters = Math.random().toString(36).slice(2, 8).padEnd(6, '0');
  const mine = `${workspacePrefix}-${ownIdentity()}-${letters}`;
  renameSync(directory.at(name), directory.at(mine));
  using claimed = directory.directory(mine);
  if (claimed?.stats.ino === stats.ino) return mine;
  throw new ElfError('CHANGED', 'another directory has replaced it', {path: join(directory.real, name)});
}

/** A record counts once: later the same bytes may be there for another reason. It stays as long as undoing fails. */
function undoOne(directory: DirFd, left: DirFd, record: string): Undone[] {
  using file = findHalfWritten(directory, left, record);
  try {
    file?.undo();
  } catch (error) {
    return [{name: file?.name ?? '', error: cannotUndo(directory, file?.name ?? '', error)}];
  }
  unlinkSync(left.at(record));
  return file === undefined ? [] : [{name: file.name}];
}

function cannotUndo(directory: DirFd, name: string, cause: unknown): ElfError {
  const path = join(directory.real, name);
  const {code, what} = systemError(path, cause);
  return new ElfError(code, `an edit in place was interrupted, and cannot be undone: ${what}`, {path, cause});
}

function busy(directory: DirFd, left: DirFd, record: string): Undone[] {
  using file = findHalfWritten(directory, left, record);
  if (file === undefined) return [];
  const {name} = file;
  const error = new ElfError('BUSY', 'another process may be writing to the file', {
    path: join(directory.real, name),
    expected: 'an edit in place that was interrupted more than a minute ago, or no other edit',
  });
  return [{name, error}];
}
