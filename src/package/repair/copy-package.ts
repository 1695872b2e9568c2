/*
 * Copying the package into a staging directory: all of it for a new one, or only its ELF files, to prove the result on
 * them. Directories are held open and names looked up in them, so that no one can redirect the copy. A link is copied
 * as what it is; hard links among the files stay hard links.
 */
import {chmodSync, constants, copyFileSync, linkSync, readlinkSync, type Stats, symlinkSync} from 'node:fs';
import {posix} from 'node:path';
import {stateOf} from '../../change/entry.js';
import {ElfError, systemError} from '../../errors.js';
import {enter} from '../../loader/inside.js';
import {requireDepth} from '../../source/depth.js';
import type {DirFd, PathFd} from '../../source/dir-fd.js';
import {inDirectoryOf, isOfRun} from './staging.js';

/** What was copied. */
export interface Copied {
  /** Paths of the files. */
  readonly files: readonly string[];
  /** The directories with the modes that they had, each before the one that contains it. */
  readonly directories: readonly CopiedDirectory[];
  /** The mode of the directory itself. */
  readonly mode: number;
}

interface CopiedDirectory {
  readonly path: string;
  readonly mode: number;
}

/**
 * Copy everything. The directories of the copy are writable by their owner, until `setModes`.
 *
 * @throws ElfError UNSUPPORTED for what is not a file, directory or link; FILE_SYSTEM
 */
export function copyPackage(from: DirFd, to: DirFd): Copied {
  const files: string[] = [];
  const directories: CopiedDirectory[] = [];
  copyInto(from, to, {links: new Map(), top: to, files, directories}, []);
  return {files, directories, mode: from.stats.mode & 0o777};
}

/** Give the directories of a copy the modes of the package. */
export function setModes(to: DirFd, directories: readonly CopiedDirectory[]): void {
  for (const {path, mode} of directories) setMode(to, path, mode);
}

/** Undo `setModes`, so that the copy can be removed. */
export function makeWritable(to: DirFd, directories: readonly CopiedDirectory[]): void {
  for (const {path, mode} of directories.toReversed()) setMode(to, path, mode | 0o700);
}

function setMode(to: DirFd, path: string, mode: number): void {
  using directory = enter(to, path);
  if (directory !== undefined) chmodSync(directory.path, mode);
}

/** What all directories of a copy share. */
interface Copying {
  /** The first path of each file that has hard links. */
  readonly links: Map<string, string>;
  readonly top: DirFd;
  readonly files: string[];
  readonly directories: CopiedDirectory[];
}

/** @param above the names of the directories on the way */
function copyInto(from: DirFd, to: DirFd, copying: Copying, above: readonly string[]): void {
  requireDepth(above.length, from.real);
  for (const name of from.exactNames()) {
    if (isOfRun(name)) continue;
    using entry = from.openPath(name);
    if (entry === undefined) continue;
    const inside = posix.join(...above, name);
    if (entry.stats.isDirectory()) copyDirectory(from, to, copying, [...above, name]);
    else if (entry.stats.isFile()) copyFile(entry, to.at(name), copying, inside);
    else if (entry.stats.isSymbolicLink())
      symlinkSync(readlinkSync(from.at(name), {encoding: 'buffer'}), to.at(name));
    else throw new ElfError('UNSUPPORTED', 'neither a file, a directory nor a link', {path: entry.real});
  }
}

function copyDirectory(from: DirFd, to: DirFd, copying: Copying, path: readonly string[]): void {
  const name = path.at(-1) ?? '';
  using inner = from.directory(name);
  if (inner === undefined) return;
  const mode = inner.stats.mode & 0o777;
  using made = to.make(name, mode | 0o700);
  copyInto(inner, made, copying, path);
  copying.directories.push({path: posix.join(...path), mode});
}

function copyFile(entry: PathFd, copy: string, copying: Copying, path: string): void {
  const {nlink, dev, ino} = entry.stats;
  const {links, top, files} = copying;
  files.push(path);
  const earlier = nlink > 1 ? links.get(`${dev}:${ino}`) : undefined;
  try {
    if (earlier !== undefined)
      inDirectoryOf(top, earlier, (directory, name) => linkSync(directory.at(name), copy));
    else copyEntry(entry, copy);
  } catch (error) {
    throw systemError(entry.real, error, 'cannot copy');
  }
  if (nlink > 1 && earlier === undefined) links.set(`${dev}:${ino}`, path);
}

/** A private copy of an open file, with its mode. */
function copyEntry(entry: PathFd, copy: string): void {
  copyFileSync(entry.path, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  // A mode that forbids writing comes when the file is complete.
  chmodSync(copy, entry.stats.mode & 0o777);
}

/**
 * Copy some files. Hard links would do, but a program that writes where it should only read would change the originals.
 *
 * @returns what they were: the very files whose content was copied, whatever has taken their names meanwhile
 */
export function copyFiles(from: DirFd, to: DirFd, paths: readonly string[]): Map<string, PlannedFile> {
  const copied = new Map<string, PlannedFile>();
  for (const path of paths) {
    inDirectoryOf(to, path, (directory, name) => {
      using entry = openFile(from, path);
      copyEntry(entry, directory.at(name));
      copied.set(path, plannedFile(entry));
    });
  }
  return copied;
}

/** A file of the package as it was when the repair was planned. */
export interface PlannedFile {
  readonly stats: Stats;
  /** What `stateOf` returned. */
  readonly state: string;
}

export function plannedFile(entry: PathFd): PlannedFile {
  return {stats: entry.stats, state: stateOf(entry)};
}

/** Hold a file of the package. @throws ElfError OUTSIDE when a link is in the way, NOT_FOUND */
export function openFile(top: DirFd, path: string): PathFd {
  const parts = path.split('/');
  let here = top.dup();
  for (const part of parts.slice(0, -1)) {
    using above = here;
    const next = above.directory(part);
    if (next === undefined) throw gone(top, path);
    here = next;
  }
  using directory = here;
  const entry = directory.openPath(parts.at(-1) ?? '');
  if (entry?.stats.isFile()) return entry;
  entry?.[Symbol.dispose]();
  throw gone(top, path);
}

function gone(top: DirFd, path: string): ElfError {
  return new ElfError('CHANGED', 'the file is missing, or no longer a regular file', {
    path: posix.join(top.real, path),
  });
}
