/*
 * Changing the bundle of a root so that an interruption at any moment leaves the old one or the new one.
 *
 * A staging directory in the root holds, beside the list of the bundle that is coming or going:
 *
 *   new/       the new bundle, complete, as it will be in the root; missing when a bundle is taken out
 *   replaced/  what had to give way, as it lay in the root
 *
 * A directory cannot take the place of another in one step (Node has no RENAME_EXCHANGE), so what is moved last is
 * the manifest, alone or with the directory of the libraries, and that is the moment that counts: before it, whoever
 * finds the staging directory of a process that is gone puts everything back; after it he only clears away.
 * `withLock` sees to it that a staging directory that is found belongs to no running process.
 */
import {linkSync, lstatSync, mkdtempSync, renameSync, rmdirSync, unlinkSync, writeFileSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {enter} from '../loader/inside.js';
import type {DirFd, PathFd} from '../source/dir-fd.js';
import {removeTree} from '../write/remove-tree.js';
import {isIn} from './in-place.js';
import {lockName, withLock} from './lock.js';
import {formatManifest, type Manifest, manifestName, manifestPath, ownDirectories} from './manifest.js';
import {readManifestFile} from './manifest-file.js';

const stagingPrefix = '.elfinterp-staging-';

/** Whether a run is under way in a root, or was interrupted there. */
export function isUnsettled(root: DirFd): boolean {
  return root.names().some((name) => name === lockName || name.startsWith(stagingPrefix));
}

/** Wait for the run that is under way in a root, and undo what an interrupted one left; the names of what that was. */
export function settle(root: DirFd): readonly string[] {
  return isUnsettled(root) ? withLock(root, () => recover(root)) : [];
}

/** Undo or clear away what runs that were interrupted left in a root, which is locked; the names of what there was. */
export function recover(root: DirFd): readonly string[] {
  const done: string[] = [];
  for (const name of root.names().filter((one) => one.startsWith(stagingPrefix))) {
    using directory = openOwn(root, name);
    if (directory === undefined || !isStaging(directory)) continue;
    undo(new Staging(root, directory), root, name);
    removeStaging(root, name, directory);
    done.push(name);
  }
  return done;
}

/** The entries of a staging directory. */
const parts: readonly string[] = [manifestName, 'new', 'replaced'];

/**
 * Whether a directory of such a name is one of ours: no one else got into it, and nothing else is in it. In a root that
 * belongs to another user, who could give the name to a directory of root's, to have it cleared away.
 */
function isStaging(directory: DirFd): boolean {
  const {mode, uid} = directory.stats;
  if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) return false;
  return directory.names().every((name) => parts.includes(name));
}

/** What is in it goes by the directory itself, whatever its name is by now; then it is empty. */
function removeStaging(root: DirFd, name: string, directory: DirFd): void {
  try {
    // The list goes first: without it there is nothing to be undone any more.
    for (const part of parts) removeTree(directory, part);
    rmdirSync(root.at(name));
  } catch (error) {
    throw systemError(posix.join(root.real, name), error, 'cannot remove');
  }
}

/**
 * Change the bundle of a root, which is locked, through a staging directory.
 *
 * @param manifest of the bundle that is coming or going
 * @throws ElfError FILE_SYSTEM and what `change` throws; everything is as it was then
 */
export function changeBundle(root: DirFd, manifest: Manifest, change: (staging: Staging) => void): void {
  const name = makeStaging(root);
  using directory = root.directory(name);
  if (directory === undefined || !isStaging(directory) || directory.names().length > 0)
    throw new ElfError('CHANGED', 'another process removed the staging directory', {
      path: `${root.real}/${name}`,
    });
  const staging = new Staging(root, directory);
  try {
    writeFileSync(directory.at(manifestName), formatManifest(manifest), {flag: 'wx'});
    change(staging);
  } catch (error) {
    // Where that fails too, the next run does it.
    staging.undo();
    removeStaging(root, name, directory);
    throw systemError(root.real, error, 'cannot write the bundle');
  }
  clear(root, name, directory);
}

/** A change that is under way, or was. */
export class Staging {
  readonly #root: DirFd;
  readonly #directory: DirFd;

  constructor(root: DirFd, directory: DirFd) {
    this.#root = root;
    this.#directory = directory;
  }

  /** The directory of the new bundle. */
  makeNew(): DirFd {
    return this.#directory.make('new');
  }

  /**
   * Put the file at a path aside.
   *
   * @param leave it stays in its place as well until something takes it, where that is possible
   * @throws ElfError CONFLICT for a directory, even one that is put there at the last moment
   */
  putAside(path: string, leave?: 'leave'): void {
    this.#move(path, leave, (moved) => {
      if (moved.stats.isDirectory()) throw directoryInTheWay(moved.real);
    });
  }

  /** The same for the directory that was there when the change was planned. @throws ElfError CHANGED for another one */
  putAsideDirectory(path: string, planned: DirFd | undefined): void {
    this.#move(path, undefined, (moved) => {
      if (planned !== undefined && isSame(moved, planned)) return;
      throw new ElfError('CHANGED', 'another directory has replaced it', {path: moved.real});
    });
  }

  /** What is moved is looked at where it cannot be changed any more. What should not have been moved goes back. */
  #move(path: string, leave: 'leave' | undefined, check: (moved: PathFd) => void): void {
    const [parent, name] = [posix.dirname(path), posix.basename(path)];
    using from = enter(this.#root, parent);
    if (from === undefined || !isThere(from, name)) return;
    if (leave && hasDirectory(this.#root, path)) throw directoryInTheWay(posix.join(from.real, name));
    using to = enter(this.#directory, `replaced${parent}`, 'make');
    if (to === undefined) return;
    if (leave && tryToLink(from.at(name), to.at(name))) return;
    renameSync(from.at(name), to.at(name));
    using moved = to.openPath(name);
    try {
      if (moved !== undefined) check(moved);
    } catch (error) {
      renameSync(to.at(name), from.at(name));
      throw error;
    }
  }

  /** Move a part of the new bundle into its place, with the first directory on the way there that does not exist. */
  moveIn(path: string): void {
    const names = path.split('/').slice(1);
    using place = enter(this.#directory, `new${posix.dirname(path)}`);
    if (place === undefined || !isThere(place, names.at(-1) ?? '')) return;
    const depth = names.findIndex((_, i) => !hasDirectory(this.#root, `/${names.slice(0, i + 1).join('/')}`));
    const [above, name] = [names.slice(0, depth < 0 ? -1 : depth).join('/'), names.at(depth) ?? ''];
    using from = enter(this.#directory, `new/${above}`);
    using to = enter(this.#root, above);
    if (from !== undefined && to !== undefined) renameSync(from.at(name), to.at(name));
  }

  /** The same for an empty directory, where none is yet. */
  moveDirectoryIn(path: string): void {
    if (!hasDirectory(this.#root, path)) this.moveIn(path);
  }

  /** Put everything back, unless the change is complete. */
  undo(): void {
    const manifest = readList(this.#directory);
    using coming = this.#directory.directory('new');
    if (manifest === undefined) return;
    if (!hasFile(coming ?? this.#root, manifestPath(manifest))) {
      if (coming === undefined)
        for (const path of ownDirectories(manifest)) tryToRemoveEmpty(this.#root, path);
      return;
    }
    if (coming !== undefined) this.#takeOut(manifest, coming);
    else this.#makeEmpty(manifest);
    using from = enter(this.#directory, `replaced${manifest.prefix}`);
    using to = from && enter(this.#root, manifest.prefix, 'make');
    if (from !== undefined && to !== undefined) putBack(from, to);
  }

  /** Directories that a bundle had which was about to be taken out. */
  #makeEmpty({directories = []}: Manifest): void {
    for (const path of directories) enter(this.#root, path, 'make')?.[Symbol.dispose]();
  }

  /** Remove the files that were moved in and replaced nothing. */
  #takeOut({files, prefix, libs, directories = []}: Manifest, coming: DirFd): void {
    const removeAbove = (path: string) => {
      for (let at = path; at !== prefix && tryToRemoveEmpty(this.#root, at); ) at = posix.dirname(at);
    };
    for (const path of directories.filter((one) => !one.startsWith(`${libs}/`)))
      if (!hasFile(coming, path)) removeAbove(path);
    for (const file of files.filter(({path}) => !path.startsWith(`${libs}/`))) {
      const {path} = file;
      using replaced = enter(this.#directory, `replaced${posix.dirname(path)}`);
      if (hasFile(coming, path) || (replaced !== undefined && isThere(replaced, posix.basename(path))))
        continue;
      using directory = enter(this.#root, posix.dirname(path));
      if (directory === undefined || !isIn(directory, file)) continue;
      unlinkSync(directory.at(posix.basename(path)));
      removeAbove(posix.dirname(path));
    }
  }
}

function isSame(a: PathFd, b: PathFd): boolean {
  const [one, other] = [a.bigStats, b.bigStats];
  return one.dev === other.dev && one.ino === other.ino;
}

function directoryInTheWay(path: string): ElfError {
  return new ElfError('CONFLICT', 'a directory is in the place of a file of the bundle', {path});
}

function makeStaging(root: DirFd): string {
  try {
    return posix.basename(mkdtempSync(root.at(`${stagingPrefix}${process.pid}-`)));
  } catch (error) {
    throw systemError(root.real, error, 'cannot write');
  }
}

/** What is done is done; what is left of the old is cleared away by the next run. */
function clear(root: DirFd, name: string, directory: DirFd): void {
  try {
    removeStaging(root, name, directory);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
}

function undo(staging: Staging, root: DirFd, name: string): void {
  try {
    staging.undo();
  } catch (error) {
    throw systemError(posix.join(root.real, name), error, 'cannot restore what an interrupted run left here');
  }
}

/** A link of such a name is nothing of ours. */
function openOwn(root: DirFd, name: string): DirFd | undefined {
  try {
    return root.directory(name);
  } catch (error) {
    if (error instanceof ElfError && error.code === 'OUTSIDE') return undefined;
    throw error;
  }
}

/** Undefined when it was not written to its end, or not by us. */
function readList(directory: DirFd): Manifest | undefined {
  try {
    const source = directory.open(manifestName);
    return source && readManifestFile(source);
  } catch (error) {
    if (error instanceof ElfError && error.code !== 'FILE_SYSTEM') return undefined;
    throw error;
  }
}

/** Move all that is in a directory into another, into directories that are there already too. */
function putBack(from: DirFd, to: DirFd): void {
  for (const name of from.names()) {
    using entry = from.openPath(name);
    if (entry?.stats.isDirectory() && isThere(to, name)) {
      using inner = from.directory(name);
      using target = to.directory(name);
      if (inner !== undefined && target !== undefined) putBack(inner, target);
    } else {
      renameSync(from.at(name), to.at(name));
    }
  }
}

/**
 * Remove a directory in which nothing is left.
 *
 * @returns whether it was removed: not where something is in it or mounted on it, nor where it is none
 * @throws ElfError FILE_SYSTEM
 */
export function removeEmpty(root: DirFd, path: string): boolean {
  using above = enter(root, posix.dirname(path));
  if (above === undefined) return false;
  const name = posix.basename(path);
  try {
    rmdirSync(above.at(name));
    return true;
  } catch (error) {
    const {code = ''} = error as NodeJS.ErrnoException;
    if (['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EBUSY'].includes(code)) return false;
    throw systemError(posix.join(above.real, name), error, 'cannot remove the empty directory');
  }
}

/** An empty directory that stays does not keep the rest from being done. */
function tryToRemoveEmpty(root: DirFd, path: string): boolean {
  try {
    return removeEmpty(root, path);
  } catch {
    return false;
  }
}

/** A second name costs nothing and leaves no moment without the first; not every file system has them. */
function tryToLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch {
    return false;
  }
}

function isThere(directory: DirFd, name: string): boolean {
  return lstatSync(directory.at(name), {throwIfNoEntry: false}) !== undefined;
}

/** Whether there is anything at a path. */
export function hasFile(top: DirFd, path: string): boolean {
  using directory = enter(top, posix.dirname(path));
  return directory !== undefined && isThere(directory, posix.basename(path));
}

function hasDirectory(top: DirFd, path: string): boolean {
  using directory = enter(top, posix.dirname(path));
  using there = directory?.openPath(posix.basename(path));
  return there?.stats.isDirectory() === true;
}
