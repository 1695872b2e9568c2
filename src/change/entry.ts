/*
 * Whether a name in a directory has a certain file or symbolic link: what a step of a journal may move, or remove.
 */
import {createHash} from 'node:crypto';
import {readlinkSync} from 'node:fs';
import type {DirFd} from '../source/dir-fd.js';
import type {FileSource} from '../source/file.js';
import {readInPieces} from '../source/source.js';

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
  /** Permission bits; without them, any will do. */
  readonly mode?: number;
}

/** Whether a name has this entry. @throws ElfError FILE_SYSTEM */
export function hasEntry(directory: DirFd, name: string, entry: Entry): boolean {
  using there = directory.openPath(name);
  if (there === undefined) return false;
  if (entry.role === 'link')
    return there.stats.isSymbolicLink() && hashOfText(readlinkSync(directory.at(name))) === entry.sha256;
  const {size, mode} = there.stats;
  if (!there.stats.isFile() || size !== entry.size) return false;
  if (entry.mode !== undefined && (mode & 0o7777) !== entry.mode) return false;
  return contentOf(there.source()).sha256 === entry.sha256;
}

/** SHA-256 and size of a file. @param source is closed */
export function contentOf(source: FileSource): Pick<Entry, 'sha256' | 'size'> {
  try {
    const hash = createHash('sha256');
    const visit = (bytes: Uint8Array) => {
      hash.update(bytes);
      return undefined;
    };
    readInPieces(source, 0, source.size, visit, 1 << 20);
    return {sha256: hash.digest('hex'), size: source.size};
  } finally {
    source.close();
  }
}

function hashOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
