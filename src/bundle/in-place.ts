/*
 * Whether a file or link of a bundle is in place, as the manifest describes it.
 */
import {posix} from 'node:path';
import {findOwn, openOwn} from '../loader/inside.js';
import type {Root} from '../loader/root.js';
import {type Content, hasContent, saysSo} from './contents.js';
import type {ManifestFile} from './manifest.js';

/** What is compared; without a mode, any mode matches. */
type Listed = Pick<ManifestFile, 'path' | 'role'> & Omit<Content, 'mode'> & {mode?: number};

/** Whether it is there, unchanged. @throws ElfError OUTSIDE when a link leads there, FILE_SYSTEM */
export function isInPlace(root: Root, file: Listed): boolean {
  if (file.role !== 'link') return hasContent(() => openOwn(root, file.path), file);
  return saysSo(() => linkAt(root, file.path), file);
}

/** Whether anything is there that could be it. */
export function isThere(root: Root, {path, role}: Pick<ManifestFile, 'path' | 'role'>): boolean {
  return role === 'link' ? linkAt(root, path) !== undefined : findOwn(root, path) !== undefined;
}

/** The target of a link; undefined if there is no link. */
export function linkAt(root: Root, path: string): string | undefined {
  if (findOwn(root, posix.dirname(path)) === undefined) return undefined;
  const there = root.resolve(path, {follow: false});
  return there.found && there.stats.isSymbolicLink() ? root.readLink(there.inside) : undefined;
}
