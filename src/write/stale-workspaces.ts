/*
 * What killed processes left beside the files that they changed: workspaces are removed, and files that an edit in place
 * left half written get their old bytes back first.
 *
 * A file that a record says is half written is not edited until it is whole again, and neither is any other in the
 * directory if it cannot be told which file that is. A record stays until its file is whole and on the disk; if it goes
 * for another reason, the user is told.
 */
import {accessSync, constants, lstatSync, renameSync, rmdirSync, unlinkSync} from 'node:fs';
import {basename, join} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';
import type {Place} from '../source/place.js';
import {isPrivate} from './own-directory.js';
import {isRunning, ownIdentity} from './process-identity.js';
import {removeTree} from './remove-tree.js';
import {inodeOf, longestWrite, openRecorded, type Recorded, readUndoRecord, timeIn} from './undo-record.js';
import {
  baseOfUndo,
  isUndoName,
  isWorkspace,
  isWorkspaceName,
  markName,
  ownerOf,
  writerOf,
} from './workspace-names.js';

/** What an interrupted edit in place left: a file that has its old content again, unless `error` or `ignored` is there. */
export interface Found {
  /** Undefined if it may be any file in the directory. */
  readonly file?: {readonly name: string; readonly inode: string};
  /** Say why the file is not to be edited, if it still is not; the directory is open again or still. */
  readonly error?: (directory: DirFd) => ElfError | undefined;
  /** Why the edit will not be undone. */
  readonly ignored?: string;
}

/** In milliseconds, longer than any edit takes; for processes that cannot be identified here. */
const longestEdit = 24 * 60 * 60 * 1000;

/** Undo what interrupted edits left half written in a directory, and remove what killed processes left. */
export function undoAndRemoveStale(directory: DirFd): Found[] {
  return inWorkspaces(directory, (left, name) => {
    const records = recordsIn(left);
    const found = records.flatMap((record) => settle(directory, left, record));
    const isSettled = records.length > 0 && recordsIn(left).length === 0;
    removeIfStale(directory, left, name, isSettled ? longestWrite : longestEdit);
    return found;
  });
}

/** Remove what killed processes left in a directory, except records. @returns the files that are half written */
export function removeStale(directory: DirFd): Found[] {
  return inWorkspaces(directory, (left, name) => {
    removeIfStale(directory, left, name, longestEdit);
    return recordsIn(left).flatMap((record) => look(directory, left, record));
  });
}

/** Refuse a file that is half written, under any of its names. @throws ElfError */
export function requireWhole(found: readonly Found[], {directory, name}: Place): void {
  const failed = found.filter(({error}) => error !== undefined);
  if (failed.length === 0) return;
  const inode = inodeOf(directory, name);
  for (const {file, error} of failed) {
    if (file !== undefined && file.name !== name && file.inode !== inode) continue;
    const reason = error?.(directory);
    if (reason !== undefined) throw reason;
  }
}

/** Do something in each workspace of this user. */
function inWorkspaces(directory: DirFd, work: (left: DirFd, name: string) => Found[]): Found[] {
  let names: string[];
  try {
    names = directory.names();
  } catch (error) {
    return mayHoldOurs(directory) ? [{error: () => cannotLook(directory.real, error)}] : [];
  }
  return names.filter(isWorkspaceName).flatMap((name) => {
    try {
      using left = directory.realDirectory(name);
      return left === undefined || !isPrivate(left.stats) ? [] : work(left, name);
    } catch (error) {
      return isGone(directory, name) ? [] : [{error: () => cannotLook(join(directory.real, name), error)}];
    }
  });
}

/** Whether another process has removed or renamed something, of which a file system may give other errors. */
function isGone(directory: DirFd, name: string): boolean {
  try {
    return lstatSync(directory.at(name), {throwIfNoEntry: false}) === undefined;
  } catch {
    return false;
  }
}

/** Whether this user can have made something in a directory that cannot be read. */
function mayHoldOurs({path, stats}: DirFd): boolean {
  if (stats.uid === process.geteuid?.()) return true;
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function recordsIn(left: DirFd): string[] {
  const names = left.names();
  return names.includes(markName) ? names.filter(isUndoName) : [];
}

/** An empty workspace was left before its mark was created, or after it was removed. */
function removeIfStale(directory: DirFd, left: DirFd, name: string, longest: number): void {
  const running = isRunning(ownerOf(name) ?? '');
  if (running === true || (running === 'unknown' && Date.now() - left.stats.ctimeMs < longest)) return;
  try {
    const names = left.names();
    if (names.length > 0 && (!isWorkspace(names) || names.some(isUndoName))) return;
    for (const inside of names.filter((one) => one !== markName)) removeTree(left, inside);
    removeTree(left, markName);
    rmdirSync(directory.at(name));
  } catch {
    // A later run tries again.
  }
}

/** The file of a record may be half written; whether it is, is found out if that file is to be edited. */
function look(directory: DirFd, left: DirFd, name: string): Found[] {
  const workspace = basename(left.real);
  return withRecord(directory, left, name, (recorded) => {
    if (!recorded?.isOurs) return [];
    return [{file: fileOf(recorded), error: (again) => lookAgain(again, workspace, name)}];
  });
}

/** Why the file of a record is not to be edited; undefined if it is whole. */
function lookAgain(directory: DirFd, workspace: string, name: string): ElfError | undefined {
  let path = directory.real;
  try {
    using left = directory.realDirectory(workspace);
    const now = left && recordNow(left, name);
    if (left === undefined || now === undefined) return undefined;
    const recorded = readUndoRecord(left, now);
    if (!recorded?.isOurs) return undefined;
    path = join(directory.real, recorded.record.name);
    using file = openRecorded(directory, recorded);
    if (file?.state() !== 'half written') return undefined;
    return isWriting(left, now) ? busy(path) : notUndone(path);
  } catch (error) {
    return isGone(directory, workspace) ? undefined : cannotUndo(path, error);
  }
}

/** The name that a record has now: whoever writes to its file renames it. */
function recordNow(left: DirFd, name: string): string | undefined {
  return recordsIn(left).find((one) => baseOfUndo(one) === baseOfUndo(name));
}

/** Undo the edit of a record if its file is half written; then, or if that is not necessary, the record goes. */
function settle(directory: DirFd, left: DirFd, name: string): Found[] {
  if (isWriting(left, name)) return look(directory, left, name);
  return withRecord(directory, left, name, (recorded) => {
    if (recorded !== undefined && !recorded.isOurs) return lookAtCopy(directory, recorded);
    const base = baseOfUndo(name);
    const mine = `${base}-${ownIdentity()}`;
    if (!claim(left, name, mine)) {
      const now = recordNow(left, name);
      return now === undefined ? [] : settle(directory, left, now);
    }
    try {
      return settleOwn(directory, left, mine);
    } catch (error) {
      release(left, mine, base);
      throw error;
    }
  });
}

/** Work on a record. If that fails, its file is not to be edited. */
function withRecord(
  directory: DirFd,
  left: DirFd,
  name: string,
  work: (recorded: Recorded | undefined) => Found[],
): Found[] {
  let recorded: Recorded | undefined;
  try {
    recorded = readUndoRecord(left, name);
  } catch (error) {
    if (!isGone(left, name)) return [{error: () => cannotLook(directory.real, error)}];
    // Another process has it, or is done with it.
    const workspace = basename(left.real);
    const again = recordNow(left, name);
    return again === undefined ? [] : [{error: (now) => lookAgain(now, workspace, again)}];
  }
  try {
    return work(recorded);
  } catch (error) {
    if (!recorded?.isOurs) return [{error: () => cannotLook(directory.real, error)}];
    const file = fileOf(recorded);
    const path = join(directory.real, file.name);
    return [{file, error: () => cannotUndo(path, error)}];
  }
}

/**
 * Whether a process is writing to the file of a record, or about to. One that cannot be identified here gets a minute
 * after the record was written; until then nothing has been written to the file.
 */
function isWriting(left: DirFd, name: string): boolean {
  const writer = writerOf(name);
  const running = writer !== undefined && isRunning(writer);
  if (running !== 'unknown') return running;
  const stats = lstatSync(left.at(name), {throwIfNoEntry: false});
  if (stats === undefined) return false;
  const age = timeIn(left) - stats.ctimeMs;
  // In the future: the clock has been set back.
  return age > -longestWrite && age < (stats.size === 0 ? longestEdit : longestWrite);
}

/** Only one of several processes can rename it. @throws an error of the system */
function claim(left: DirFd, name: string, mine: string): boolean {
  try {
    renameSync(left.at(name), left.at(mine));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Let everybody try again. */
function release(left: DirFd, mine: string, base: string): void {
  try {
    renameSync(left.at(mine), left.at(base));
  } catch {
    // They can when this process has ended.
  }
}

/** @throws ElfError, or an error of the system, if the file may still be half written */
function settleOwn(directory: DirFd, left: DirFd, name: string): Found[] {
  const recorded = readUndoRecord(left, name);
  const found = recorded === undefined ? [] : makeWhole(directory, left, name, recorded);
  unlinkSync(left.at(name));
  return found;
}

function makeWhole(directory: DirFd, left: DirFd, name: string, recorded: Recorded): Found[] {
  const file = fileOf(recorded);
  using opened = openRecorded(directory, recorded);
  if (opened === undefined) return [{file, ignored: 'the file is gone'}];
  const state = opened.state();
  if (state === 'changed') return [{file, ignored: 'the file has changed since'}];
  if (state === 'whole') {
    opened.sync();
    return [];
  }
  opened.undo(left, name);
  return [{file: {...file, name: opened.name}}];
}

/** Whoever copied a record with its directory may need it; nothing is done because of it. */
function lookAtCopy(directory: DirFd, recorded: Recorded): Found[] {
  using file = openRecorded(directory, recorded);
  if (!file?.looksHalfWritten) return [];
  return [{file: fileOf(recorded), ignored: 'its record was written in another directory'}];
}

function fileOf({record: {name, inode}}: Recorded) {
  return {name, inode};
}

function cannotLook(path: string, cause: unknown): ElfError {
  const {code, what} = systemError(path, cause);
  const isForbidden = ['EACCES', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? '');
  return new ElfError(code, `cannot look for interrupted edits in place: ${what}`, {
    path,
    ...(isForbidden && {expected: 'a directory that you can list'}),
    cause,
  });
}

function cannotUndo(path: string, cause: unknown): ElfError {
  const {code, what} = systemError(path, cause);
  return new ElfError(code, `an edit in place was interrupted, and cannot be undone: ${what}`, {path, cause});
}

function notUndone(path: string): ElfError {
  return new ElfError('CONFLICT', 'an edit in place was interrupted, and is not undone yet', {
    path,
    expected: 'the next edit in this directory, or undoInterrupted, to undo it first',
  });
}

function busy(path: string): ElfError {
  return new ElfError('BUSY', 'another process may be writing to the file', {
    path,
    expected: 'an edit in place that was interrupted more than a minute ago, or no other edit',
  });
}
