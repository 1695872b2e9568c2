/*
 * Whether a file or a link of a bundle is where the manifest says, as it says.
 */
import {readlinkSync} from 'node:fs';
import {posix} from 'node:path';
import {findOwn, openOwn} from '../loader/inside.js';
import type {Root} from '../loader/root.js';
import type {DirFd} from '../source/dir-fd.js';
import {type Content, hasContent, saysSo} from './contents.js';
import type {ManifestFile} from './manifest.js';

/** What is compared; without a mode, any will do. */
type Listed = Pick<ManifestFile, 'path' | 'role'> & Omit<Content, 'mode'> & {mode?: number};

/** Whether it is there, unchanged. @throws ElfError OUTSIDE when a link leads there, FILE_SYSTEM */
export function isInPlace(root: Root, file: Listed): boolean {
  if (file.role !== 'link') return hasContent(() => openOwn(root, file.path), file);
  return saysSo(() => linkAt(root, file.path), file);
}

/** The same in a directory that is held. */
export function isIn(directory: DirFd, file: Listed): boolean {
  const name = posix.basename(file.path);
  if (file.role !== 'link') return hasContent(() => directory.open(name), file);
  return saysSo(() => linkIn(directory, name), file);
}

/** Whether anything is there that could be it. */
export function isThere(root: Root, {path, role}: Pick<ManifestFile, 'path' | 'role'>): boolean {
  return role === 'link' ? linkAt(root, path) !== undefined : findOwn(root, path) !== undefined;
}

/** What a link says; undefined when there is none. */
export function linkAt(root: Root, path: string): string | undefined {
  if (findOwn(root, posix.dirname(path)) === undefined) return undefined;
  const there = root.resolve(path, {follow: false});
  return there.found && there.stats.isSymbolicLink() ? root.readLink(there.inside) : undefined;
}

function linkIn(directory: DirFd, name: string): string | undefined {
  using entry = directory.openPath(name);
  return entry?.stats.isSymbolicLink() ? readlinkSync(directory.at(name)) : undefined;
}
