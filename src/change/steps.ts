/*
 * What the steps of a journal do, between a root and the staging directory in it:
 *
 *   new/       what comes, as it will be in the root
 *   replaced/  what had to give way, as it was in the root
 *   done       the change is done, where its journal ends with `markDone`
 *
 * A step moves one file with one rename, through descriptors of the directories. Undoing puts the file back where it
 * came from, so its location shows what was done and what was undone, and both can be interrupted and resumed.
 */
import {chmodSync, closeSync, linkSync, lstatSync, openSync, renameSync, rmdirSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {enter} from '../loader/inside.js';
import type {DirFd, PathFd} from '../source/dir-fd.js';
import {syncDirectory} from '../write/durable.js';
import {hasEntry, inodeOf, stateOf} from './entry.js';
import type {Commit, Finish, Journal, KeepAside, MoveIn, Preparation, PutAside} from './journal.js';

/** The file that `markDone` makes. */
export const doneName = 'done';

interface Located {
  readonly path: string;
}

/** The two sides of a change. */
export interface Sides {
  readonly directories?: Journal['directories'] | undefined;
  readonly root: DirFd;
  readonly staging: DirFd;
  /** Note which directory will be at a path of the root, by device and inode, before it is there. */
  readonly expect?: (path: string, inode: string) => void;
}

/**
 * Carry out a change. The preparations reach the disk before the commit, so that even a power failure leaves either the
 * old state or the new one.
 *
 * @throws ElfError CONFLICT, CHANGED, FILE_SYSTEM, or a system error
 */
export function carryOut({root, staging}: Sides, {directories, prepare, commit, finish}: Journal): void {
  const sides = {root, staging, directories};
  const synced = new Set<string>();
  for (const step of prepare) {
    if (step.op === 'moveIn') syncReplaced(staging, step.path, synced);
    take(sides, step);
  }
  syncParents(sides.root, prepare);
  take(sides, commit);
  if (commit.op === 'markDone') syncDirectory(sides.staging.path);
  else syncParents(sides.root, [commit]);
  for (const step of finish) take(sides, step);
}

/**
 * Bring an interrupted change to an end: finish it if it was committed, otherwise undo everything.
 *
 * @param save stores a journal that replaces this one
 * @throws ElfError CHANGED, before anything is undone, if a file that somebody else has put there since would be lost
 */
export function windUp(
  {root, staging}: Pick<Sides, 'root' | 'staging'>,
  journal: Journal,
  save: (journal: Journal) => void = () => {},
): void {
  const {prepare, commit, finish} = journal;
  const directories = {...journal.directories};
  const expect = (path: string, inode: string) => {
    directories[path] = inode;
    save({...journal, directories});
  };
  const sides = {root, staging, directories, expect};
  if (isDone(sides, commit)) {
    for (const step of finish) tryToRemoveEmpty(sides, step);
  } else {
    requireUndoable(sides, prepare);
    for (const step of prepare.toReversed()) undo(sides, step);
    syncParents(sides.root, prepare);
  }
}

type Step = Preparation | Commit | Finish;

interface Effect<T> {
  /** Does nothing if there is nothing to move. */
  take(sides: Sides, step: T): void;
  /** What was not done, or was undone already, is left alone. */
  undo?(sides: Sides, step: T): void;
}

const effects: {readonly [Op in Step['op']]: Effect<Extract<Step, {op: Op}>>} = {
  putAside: {take: (sides, step) => putAside(sides, step, requireFile), undo: putBack},
  keepAside: {take: keepAside, undo: putBack},
  putAsideDirectory: {
    take: (sides, step) => putAside(sides, step, (moved) => requireInode(moved, step.inode)),
    undo: putBack,
  },
  makeDirectory: {take: makeDirectory, undo: tryToRemoveEmpty},
  moveIn: {take: moveIn, undo: takeOut},
  moveDirectoryIn: {take: moveIn},
  markDone: {take: markDone},
  removeEmpty: {take: removeEmpty},
};

export function take(sides: Sides, step: Step): void {
  const effect: Effect<Step> = effects[step.op];
  effect.take(sides, step);
}

export function undo(sides: Sides, step: Preparation): void {
  const effect: Effect<Step> = effects[step.op];
  effect.undo?.(sides, step);
}

function isDone({staging}: Sides, commit: Commit): boolean {
  switch (commit.op) {
    case 'markDone':
      return isThere(staging, doneName);
    case 'putAside':
      return hasFile(staging, `/replaced${commit.path}`);
    case 'moveDirectoryIn':
      return !hasFile(staging, `/new${commit.path}`);
  }
}

/**
 * Make sure that each directory is still the same one, and that the path of each replaced file has the old file, the
 * new file, or nothing.
 *
 * @throws ElfError CHANGED
 */
function requireUndoable(sides: Sides, prepare: readonly Preparation[]): void {
  for (const parent of new Set(prepare.map(({path}) => posix.dirname(path))))
    enterParent(sides, parent)?.[Symbol.dispose]();
  const coming = new Map(prepare.flatMap((step) => (step.op === 'moveIn' ? [[step.path, step]] : [])));
  for (const step of prepare) {
    if (step.op === 'putAside' || step.op === 'keepAside') requireKnown(sides, step, coming.get(step.path));
    else if (step.op === 'putAsideDirectory') requireEmpty(sides, step.path);
  }
}

function requireKnown(sides: Sides, {path, state}: PutAside | KeepAside, coming: MoveIn | undefined): void {
  const [parent, name] = split(path);
  using aside = enter(sides.staging, `/replaced${parent}`);
  using old = aside?.openPath(name);
  using directory = enterParent(sides, parent);
  using there = directory?.openPath(name);
  if (directory === undefined || there === undefined) return;
  if (old === undefined) {
    // Do not take out the new file if the old one cannot come back: it is the only one left.
    const isReplaced = state && coming && !hasFile(sides.staging, `/new${path}`) && stateOf(there) !== state;
    if (!isReplaced || !hasEntry(directory, name, coming)) return;
    throw new ElfError('CHANGED', 'the old file that an interrupted run replaced is missing', {
      path: posix.join(sides.staging.real, `replaced${path}`),
    });
  }
  if (inodeOf(there) === inodeOf(old)) return;
  if (coming !== undefined && hasEntry(directory, name, coming)) return;
  throw new ElfError('CHANGED', 'another file has taken the place of one that an interrupted run replaced', {
    path: there.real,
  });
}

/** Make sure that the place of a directory that was moved away has at most an empty directory by now. */
function requireEmpty(sides: Sides, path: string): void {
  if (!hasFile(sides.staging, `/replaced${path}`)) return;
  const [parent, name] = split(path);
  using above = enterParent(sides, parent);
  using there = above?.openPath(name);
  if (above === undefined || there === undefined) return;
  if (there.stats.isDirectory()) {
    using directory = above.directory(name);
    if (directory === undefined || directory.names().length === 0) return;
  }
  throw new ElfError('CHANGED', 'something else has taken the place of what an interrupted run replaced', {
    path: there.real,
  });
}

/** Check a moved file where it can no longer be changed, and put it back if it should not have been moved. */
function putAside(
  sides: Sides,
  {path, state}: Pick<PutAside, 'path' | 'state'>,
  check: (moved: PathFd) => void,
): void {
  const [parent, name] = split(path);
  using from = enterParent(sides, parent);
  if (from === undefined || !isThere(from, name)) {
    requireState(sides, path, undefined, state);
    return;
  }
  using to = enter(sides.staging, `/replaced${parent}`, 'make');
  moveAside(from, to, name);
  using moved = to.openPath(name);
  try {
    if (moved !== undefined) check(moved);
    requireState(sides, path, moved, state);
  } catch (error) {
    renameSync(to.at(name), from.at(name));
    throw error;
  }
}

/** On an overlay file system, a directory of a lower layer can be copied, but not renamed. */
function moveAside(from: DirFd, to: DirFd, name: string): void {
  try {
    renameSync(from.at(name), to.at(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV' || !isDirectory(from, name)) throw error;
    throw new ElfError('UNSUPPORTED', 'the directory cannot be moved: it is in a lower layer, or a mount', {
      path: posix.join(from.real, name),
      expected: 'the file system and layer of the root; on an overlay, put a copy (cp -a) in its place',
      cause: error,
    });
  }
}

/** Refuse a directory, even one that was put there at the last moment. */
function requireFile({stats, real}: PathFd): void {
  if (!stats.isDirectory()) return;
  throw new ElfError('CONFLICT', 'a directory has taken the place of a file', {path: real});
}

function requireInode(moved: PathFd, inode: string | null): void {
  if (inodeOf(moved) === inode) return;
  throw new ElfError('CHANGED', 'another directory has replaced it', {path: moved.real});
}

function requireState(
  {root}: Sides,
  path: string,
  there: PathFd | undefined,
  state: string | null | undefined,
): void {
  if (state === undefined || state === (there === undefined ? null : stateOf(there))) return;
  const what = there?.stats.isDirectory() ? 'directory' : 'file';
  throw new ElfError('CHANGED', `the ${what} changed meanwhile`, {path: posix.join(root.real, path)});
}

/** Use a hard link: it is cheap, and the file never loses its first name. Not every file system supports them. */
function keepAside(sides: Sides, {path, state}: KeepAside): void {
  const [parent, name] = split(path);
  using from = enterParent(sides, parent);
  using there = from?.openPath(name);
  requireState(sides, path, there, state);
  if (from === undefined || there === undefined) return;
  requireFile(there);
  using to = enter(sides.staging, `/replaced${parent}`, 'make');
  if (!tryToLink(from.at(name), to.at(name)))
    putAside(sides, {path, ...(state !== undefined && {state})}, requireFile);
}

/**
 * The directory gets its mode, whatever the umask, while no one can replace it with another: many users run the
 * programs.
 */
function makeDirectory(sides: Sides, {path}: Located): void {
  const [parent, name] = split(path);
  using above = requireParent(sides, parent);
  if (isThere(above, name)) return;
  using made = sides.staging.make('made');
  chmodSync(made.path, 0o755);
  moveInto(above, name, sides.staging.at('made'));
}

function moveIn(sides: Sides, {path}: Located): void {
  const [parent, name] = split(path);
  using from = requireDirectory(sides.staging, `/new${parent}`);
  using to = requireParent(sides, parent);
  moveInto(to, name, from.at(name));
}

/** What is new is prepared in the root, and no file is moved from there to another mount. */
function moveInto(to: DirFd, name: string, from: string): void {
  try {
    renameSync(from, to.at(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    throw new ElfError('UNSUPPORTED', 'this directory is on another mount than the root', {
      path: to.real,
      expected: 'a place on the same file system, not mounted separately',
      cause: error,
    });
  }
}

function markDone({staging}: Sides): void {
  closeSync(openSync(staging.at(doneName), 'wx', 0o600));
}

/** A directory of the root, if it is the one that the journal names. @throws ElfError CHANGED */
function enterParent({root, directories}: Sides, path: string): DirFd | undefined {
  const directory = enter(root, path);
  const known = directories?.[path];
  if (directory === undefined || known === undefined || known === inodeOf(directory)) return directory;
  directory[Symbol.dispose]();
  throw new ElfError('CHANGED', 'another directory has replaced it', {path: posix.join(root.real, path)});
}

function requireParent(sides: Sides, path: string): DirFd {
  return enterParent(sides, path) ?? requireDirectory(sides.root, path);
}

function requireDirectory(top: DirFd, path: string): DirFd {
  const directory = enter(top, path);
  if (directory !== undefined) return directory;
  throw new ElfError('CHANGED', 'another process removed the directory', {path: posix.join(top.real, path)});
}

/**
 * A file that replaced another stays until that one is put back over it; any other is taken out if it is the file that
 * was moved in.
 */
function takeOut(sides: Sides, step: MoveIn): void {
  const {staging} = sides;
  const [parent, name] = split(step.path);
  if (hasFile(staging, `/new${step.path}`)) return;
  using from = enterParent(sides, parent);
  if (from === undefined || !isThere(from, name)) return;
  const isReplacing = hasFile(staging, `/replaced${step.path}`);
  if (!isReplacing && !hasEntry(from, name, step)) return;
  using to = enter(staging, `/new${parent}`, 'make');
  if (!isReplacing || !tryToLink(from.at(name), to.at(name))) renameSync(from.at(name), to.at(name));
}

function putBack(sides: Sides, {path}: Located): void {
  const [parent, name] = split(path);
  using from = enter(sides.staging, `/replaced${parent}`);
  if (from === undefined || !isThere(from, name)) return;
  using to = enterParent(sides, parent) ?? remake(sides, parent);
  renameSync(from.at(name), to.at(name));
}

/**
 * Recreate a directory that was removed since. Its inode is recorded before it gets its name, so that no other
 * directory can pass for it.
 */
function remake(sides: Sides, path: string): DirFd {
  const [parent, name] = split(path);
  using above = enterParent(sides, parent) ?? remake(sides, parent);
  const made = sides.staging.make('made');
  try {
    chmodSync(made.path, 0o755);
    sides.expect?.(path, inodeOf(made));
    renameSync(sides.staging.at('made'), above.at(name));
    return made;
  } catch (error) {
    made[Symbol.dispose]();
    throw error;
  }
}

/**
 * Remove an empty directory. One that is not empty or is a mount point stays, and so does any file.
 *
 * @throws ElfError FILE_SYSTEM
 */
function removeEmpty(sides: Sides, {path}: Located): void {
  const [parent, name] = split(path);
  try {
    using above = enterParent(sides, parent);
    if (above !== undefined) rmdirSync(above.at(name));
  } catch (error) {
    const {code = ''} = error as NodeJS.ErrnoException;
    if (['CHANGED', 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EBUSY'].includes(code)) return;
    throw systemError(posix.join(sides.root.real, path), error, 'cannot remove the empty directory');
  }
}

/** Failing to remove an empty directory does not stop the rest. */
function tryToRemoveEmpty(sides: Sides, step: Located): void {
  try {
    removeEmpty(sides, step);
  } catch {
    // It does no harm.
  }
}

function tryToLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch {
    return false;
  }
}

/** Before a file is replaced, write the other name of the old one to disk, and the directories that it is in. */
function syncReplaced(staging: DirFd, path: string, known: Set<string>): void {
  if (!hasFile(staging, `/replaced${path}`)) return;
  for (let at = posix.dirname(`/replaced${path}`); ; at = posix.dirname(at)) {
    using directory = enter(staging, at);
    if (directory !== undefined) syncDirectory(directory.path);
    if (at === '/' || known.has(at)) return;
    known.add(at);
  }
}

function syncParents(root: DirFd, steps: readonly Located[]): void {
  for (const parent of new Set(steps.map(({path}) => posix.dirname(path)))) {
    using directory = enter(root, parent);
    if (directory !== undefined) syncDirectory(directory.path);
  }
}

function split(path: string): [parent: string, name: string] {
  return [posix.dirname(path), posix.basename(path)];
}

function isThere(directory: DirFd, name: string): boolean {
  return lstatSync(directory.at(name), {throwIfNoEntry: false}) !== undefined;
}

function isDirectory(directory: DirFd, name: string): boolean {
  using there = directory.openPath(name);
  return there?.stats.isDirectory() === true;
}

/** The existing directories of a root that a journal works in, with device and inode. */
export function directoriesOf(root: DirFd, {prepare, commit, finish}: Journal): Record<string, string> {
  const steps: readonly Located[] = [...prepare, ...('path' in commit ? [commit] : []), ...finish];
  const found: Record<string, string> = {};
  for (const parent of new Set(steps.map(({path}) => posix.dirname(path)))) {
    using directory = enter(root, parent);
    if (directory !== undefined) found[parent] = inodeOf(directory);
  }
  return found;
}

/** Whether there is anything at a path. */
export function hasFile(top: DirFd, path: string): boolean {
  using directory = enter(top, posix.dirname(path));
  return directory !== undefined && isThere(directory, posix.basename(path));
}

export function hasDirectory(top: DirFd, path: string): boolean {
  using directory = enter(top, posix.dirname(path));
  return directory !== undefined && isDirectory(directory, posix.basename(path));
}

/** A function that returns the directories that have to be made for a path, the outermost first: each of them once. */
export function missingDirectories(root: DirFd): (path: string) => string[] {
  const known = new Set(['/']);
  const missing = (path: string): string[] => {
    if (known.has(path)) return [];
    known.add(path);
    return hasDirectory(root, path) ? [] : [...missing(posix.dirname(path)), path];
  };
  return missing;
}
