/*
 * Moving the new files of a package into their places, all or none.
 *
 * Each file is replaced by one rename. Before the first, the old ones get a second name in the staging directory and a
 * journal says which paths will change; after the last the journal goes, and that is the moment that counts. Whoever
 * finds a journal of a run that was killed puts the old files back.
 */
import {
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import {posix} from 'node:path';
import {ElfError, systemError} from '../../errors.js';
import {enter} from '../../loader/inside.js';
import type {DirFd} from '../../source/dir-fd.js';
import {syncDirectory} from '../../write/durable.js';
import {keepOwner} from '../../write/metadata.js';
import {inDirectoryOf, journalName, openStale, parentOf, removeStaging, staleNames} from './staging.js';

/** A file that changes: where, and what it was when the repair was planned; undefined for a new one. */
export interface Change {
  readonly path: string;
  readonly before: Stats | undefined;
}

interface Step {
  readonly path: string;
  /** Whether there was a file; its second name is its number in the list. */
  readonly had: boolean;
}

/** Move the files `new/PATH` of a staging directory into the package. @returns notes. @throws everything is undone */
export function commit(top: DirFd, staging: DirFd, changes: readonly Change[]): string[] {
  const steps = changes.map(({path, before}) => ({path, had: before !== undefined}));
  using made = staging.make('new');
  using replaced = staging.make('replaced', 0o700);
  const notes = changes.flatMap((change) => prepare(top, made, replaced, change, changes.indexOf(change)));
  writeJournal(staging, steps);
  try {
    for (const change of changes) moveIn(top, made, change);
  } catch (error) {
    undo(top, staging, steps);
    throw systemError(top.real, error, 'cannot write');
  }
  syncDirectories(top, steps);
  unlinkSync(staging.at(journalName));
  syncDirectory(staging.path);
  return notes;
}

/** Undo what runs that were killed left in a package. */
export function recoverPackage(top: DirFd): void {
  for (const name of staleNames(top)) {
    using staging = openStale(top, name);
    if (staging === undefined) continue;
    const steps = readJournal(staging);
    if (steps !== undefined) undo(top, staging, steps);
    removeStaging(top, name, staging);
  }
}

/** Give the old file a second name and the new one its owner. */
function prepare(top: DirFd, made: DirFd, replaced: DirFd, {path, before}: Change, number: number): string[] {
  if (before === undefined) return [];
  inDirectoryOf(top, path, (directory, name) => {
    try {
      linkSync(directory.at(name), replaced.at(String(number)));
    } catch (error) {
      throw systemError(posix.join(top.real, path), error, 'cannot save the old file');
    }
  });
  return inDirectoryOf(made, path, (directory, name) => {
    const fd = openSync(directory.at(name), 'r');
    try {
      return keepOwner(fd, before).map((note) => `${path}: ${note}`);
    } finally {
      closeSync(fd);
    }
  });
}

function moveIn(top: DirFd, made: DirFd, {path, before}: Change): void {
  inDirectoryOf(top, path, (directory, name) => {
    requireSame(lstatSync(directory.at(name), {throwIfNoEntry: false}), before, posix.join(top.real, path));
    inDirectoryOf(made, path, (source, same) => renameSync(source.at(same), directory.at(name)));
  });
}

/** A change of the file since it was read would be lost. Its new name has changed ctime. */
function requireSame(now: Stats | undefined, before: Stats | undefined, path: string): void {
  const isSame =
    now?.ino === before?.ino &&
    now?.dev === before?.dev &&
    now?.size === before?.size &&
    now?.mtimeMs === before?.mtimeMs;
  if (!isSame) throw new ElfError('CHANGED', 'the file changed during the repair', {path});
}

/** Put the old files back and take the new ones out. A file that was not replaced yet is the same as its second name. */
function undo(top: DirFd, staging: DirFd, steps: readonly Step[]): void {
  using replaced = staging.directory('replaced');
  using made = staging.directory('new');
  steps.forEach(({path, had}, number) => {
    using directory = enter(top, parentOf(path));
    if (directory === undefined) return;
    const name = posix.basename(path);
    if (had && replaced !== undefined) putBack(replaced.at(String(number)), directory.at(name));
    else if (!had && made !== undefined && !isIn(made, path)) takeOut(top, directory, path);
  });
  syncDirectories(top, steps);
}

function putBack(from: string, to: string): void {
  if (lstatSync(from, {throwIfNoEntry: false}) !== undefined) renameSync(from, to);
}

function isIn(top: DirFd, path: string): boolean {
  using directory = enter(top, parentOf(path));
  return (
    directory !== undefined &&
    lstatSync(directory.at(posix.basename(path)), {throwIfNoEntry: false}) !== undefined
  );
}

/** Remove a new file, and the directory that was made for it if nothing else is in it. */
function takeOut(top: DirFd, directory: DirFd, path: string): void {
  try {
    unlinkSync(directory.at(posix.basename(path)));
    const parent = parentOf(path);
    using above = enter(top, parentOf(parent));
    if (parent !== '' && above !== undefined) rmdirSync(above.at(posix.basename(parent)));
  } catch {
    // It is gone already, or others are in it.
  }
}

function syncDirectories(top: DirFd, steps: readonly Step[]): void {
  for (const path of new Set(steps.map((step) => parentOf(step.path)))) {
    using directory = enter(top, path);
    if (directory !== undefined) syncDirectory(directory.path);
  }
}

function writeJournal(staging: DirFd, steps: readonly Step[]): void {
  const fd = openSync(staging.at(`${journalName}.new`), 'wx', 0o600);
  try {
    writeFileSync(fd, JSON.stringify(steps));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(staging.at(`${journalName}.new`), staging.at(journalName));
  syncDirectory(staging.path);
}

/** Undefined where nothing was moved yet. */
function readJournal(staging: DirFd): Step[] | undefined {
  using file = staging.openPath(journalName);
  if (!file?.stats.isFile()) return undefined;
  const steps: unknown = JSON.parse(readFileSync(file.path, 'utf8'));
  return Array.isArray(steps) ? steps.filter(isStep) : undefined;
}

function isStep(value: unknown): value is Step {
  const {path, had} = (value ?? {}) as Record<string, unknown>;
  return (
    typeof had === 'boolean' &&
    typeof path === 'string' &&
    !path.startsWith('/') &&
    !path.split('/').includes('..')
  );
}
