/*
 * Check whether a name in a directory is a certain file or symbolic link, which a journal step may then move or remove.
 */
import {createHash} from 'node:crypto';
import {readlinkSync} from 'node:fs';
import {posix} from 'node:path';
import {enter} from '../loader/inside.js';
import type {DirFd, PathFd} from '../source/dir-fd.js';
import type {FileSource} from '../source/file.js';
import {hashOf} from '../source/hash.js';

/** What a file is for. */
export type Role = 'library' | 'loader' | 'program' | 'data' | 'link';

export const roles: readonly Role[] = ['library', 'loader', 'program', 'data', 'link'];

/** A file, or a symbolic link, whose target is its content. */
export interface Entry {
  readonly role: Role;
  /** 64 lowercase hexadecimal digits. */
  readonly sha256: string;
  /** In bytes. */
  readonly size: number;
  /** Permission bits; if left out, any mode matches. */
  readonly mode?: number;
}

/** Whether a name has this entry. @throws ElfError FILE_SYSTEM */
export function hasEntry(directory: DirFd, name: string, entry: Entry): boolean {
  using there = directory.openPath(name);
  return there !== undefined && isEntry(directory, name, there, entry);
}

/** The state of the file at a path if it is this entry. @throws ElfError OUTSIDE, FILE_SYSTEM */
export function stateOfEntry(top: DirFd, path: string, entry: Entry): string | undefined {
  const name = posix.basename(path);
  using directory = enter(top, posix.dirname(path));
  using there = directory?.openPath(name);
  return directory && there && isEntry(directory, name, there, entry) ? stateOf(there) : undefined;
}

/** The state of whatever is at a path. @throws ElfError OUTSIDE, FILE_SYSTEM */
export function stateAt(top: DirFd, path: string): string | undefined {
  using directory = enter(top, posix.dirname(path));
  using there = directory?.openPath(posix.basename(path));
  return there && stateOf(there);
}

/** The device of a file or directory, with which its state and its inode begin. */
export function deviceOf({bigStats: {dev}}: PathFd): string {
  return `${dev}`;
}

/** What distinguishes a file or directory from every other one. */
export function inodeOf({key}: PathFd): string {
  return key;
}

/** The same, plus what changes when a file is written to; not the ctime, which changes with a second name. */
export function stateOf({bigStats: {dev, ino, size, mtimeNs}}: PathFd): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}

/** Whether what is open, under this name in this directory, is this entry. @throws ElfError FILE_SYSTEM */
export function isEntry(directory: DirFd, name: string, there: PathFd, entry: Entry): boolean {
  if (entry.role === 'link')
    return there.stats.isSymbolicLink() && hashOfLink(directory.at(name)) === entry.sha256;
  const {size, mode} = there.stats;
  if (!there.stats.isFile() || size !== entry.size) return false;
  if (entry.mode !== undefined && (mode & 0o7777) !== entry.mode) return false;
  return contentOf(there.source()).sha256 === entry.sha256;
}

/** SHA-256 and size of a file. @param source is closed */
export function contentOf(source: FileSource): Pick<Entry, 'sha256' | 'size'> {
  try {
    return {sha256: hashOf(source), size: source.size};
  } finally {
    source.close();
  }
}

function hashOfLink(path: string): string {
  return createHash('sha256')
    .update(readlinkSync(path, {encoding: 'buffer'}))
    .digest('hex');
}
