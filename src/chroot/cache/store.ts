/*
 * Files that were made once and are used again: each in a directory of its own, whose name is its key.
 *
 *   CACHE/KEY/qemu-arm             the file, complete
 *   CACHE/.elfinterp-cache-IDENTITY-RANDOM/   one in the making; a later run removes it when that process is gone
 *
 * A key identifies the whole content, so a file that is there is right, and two runs that make the same one at the same
 * time both succeed: the directory is renamed into place, and the second run finds it there. When the files together
 * exceed the limit, the least recently used are removed; a kernel that holds one open (flag F) keeps it.
 */
import {
  chmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  utimesSync,
} from 'node:fs';
import {posix} from 'node:path';
import {systemError} from '../../errors.js';
import {closeQuietly} from '../../source/descriptor.js';
import type {DirFd} from '../../source/dir-fd.js';
import {syncDirectory} from '../../write/durable.js';
import {identityPattern, isAtWork, ownIdentity} from '../../write/process-identity.js';
import {removeTree} from '../../write/remove-tree.js';
import {unusedName} from '../unused-name.js';
import {requireOwn} from './place.js';

/** In bytes: emulators for every target that qemu has, twice over. */
export const cacheLimit = 1 << 30;

/** Names of directories in the making begin like this; who makes it (process-identity.ts) and random letters follow. */
const stagingPrefix = '.elfinterp-cache-';

/** A file of the cache. */
interface CachedFile {
  readonly key: string;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** When it was used last, in milliseconds since 1970. */
  readonly used: number;
}

/** Find a file by its key, and note that it was used; undefined when it has to be made. */
export function findCached(cache: DirFd, key: string, name: string): string | undefined {
  using entry = cache.directory(key);
  using file = entry?.openPath(name);
  if (entry === undefined || file === undefined) return undefined;
  requireOwn(entry.real, entry.stats);
  requireOwn(file.real, file.stats);
  if (!file.stats.isFile() || file.stats.size === 0) return undefined;
  noteUse(file.path);
  return file.real;
}

/** A file in a cache that cannot be written to is still usable. */
function noteUse(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // The earlier time of use stays.
  }
}

/**
 * Make a file and keep it under its key.
 *
 * @param make writes the file at the path that it is given
 * @returns the file's path, in the cache
 * @throws ElfError FILE_SYSTEM, OUTSIDE, and what `make` throws; nothing is left then
 */
export async function makeCached(
  cache: DirFd,
  key: string,
  name: string,
  make: (path: string) => Promise<void>,
  limit = cacheLimit,
): Promise<string> {
  removeStale(cache);
  const staging = unusedName(cache, `${stagingPrefix}${ownIdentity()}`);
  try {
    using directory = cache.make(staging, 0o700);
    await make(posix.join(directory.real, name));
    finish(directory, name);
    moveInto(cache, staging, key, name);
  } catch (error) {
    removeStaging(cache, staging);
    throw systemError(cache.real, error, 'cannot store an emulator');
  }
  evict(cache, limit, key);
  return posix.join(cache.real, key, name);
}

/** Make it executable for the other users of a chroot, who start it under their own ids. */
function finish(directory: DirFd, name: string): void {
  using file = directory.openPath(name);
  if (file === undefined) return;
  requireOwn(file.real, file.stats);
  chmodSync(file.path, 0o755);
  const fd = openSync(file.path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeQuietly(fd);
  }
}

function moveInto(cache: DirFd, staging: string, key: string, name: string): void {
  try {
    renameSync(cache.at(staging), cache.at(key));
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    // Another run made the same a moment ago and may be about to use it; an incomplete one is replaced.
    const isWhole = findCached(cache, key, name) !== undefined;
    removeEntry(cache, isWhole ? staging : key);
    if (!isWhole) renameSync(cache.at(staging), cache.at(key));
  }
  syncDirectory(cache.path);
}

/** List the files of a cache, the one that was used last first. */
export function listCached(cache: DirFd): readonly CachedFile[] {
  const keys = cache.names().filter((name) => keyPattern.test(name));
  return keys.flatMap((key) => filesOf(cache, key)).sort((a, b) => b.used - a.used);
}

/** What may be a key; anything else in the directory is not ours. */
const keyPattern = /^[0-9a-f]{40}$/;

/** None for what is not a directory, which is not ours either. */
function filesOf(cache: DirFd, key: string): CachedFile[] {
  using there = cache.openPath(key);
  if (!there?.stats.isDirectory()) return [];
  using entry = cache.directory(key);
  return (entry?.names() ?? []).flatMap((name) => {
    using file = entry?.openPath(name);
    return file === undefined ? [] : [{key, name, size: file.stats.size, used: file.stats.mtimeMs}];
  });
}

/** Remove what was not used for longest, until the rest is within the limit. */
export function evict(cache: DirFd, limit: number, keep?: string): void {
  let size = 0;
  for (const file of listCached(cache)) {
    size += file.size;
    if (size > limit && file.key !== keep) removeEntry(cache, file.key);
  }
}

/** Remove what was in the making, with the workspace that it was packed in. */
function removeStaging(cache: DirFd, name: string): void {
  try {
    removeTree(cache, name);
  } catch {
    // The next run tries again.
  }
}

/** Remove a directory of files, reached through its descriptor; what another run has removed is gone already. */
function removeEntry(cache: DirFd, name: string): void {
  try {
    using entry = cache.directory(name);
    for (const file of entry?.names() ?? []) unlinkSync(entry?.at(file) ?? '');
    rmdirSync(cache.at(name));
  } catch {
    // It costs room, and the next run tries again.
  }
}

function removeStale(cache: DirFd): void {
  const staging = new RegExp(`^\\${stagingPrefix}(${identityPattern})-`);
  for (const name of cache.names()) {
    const maker = staging.exec(name)?.[1];
    const stats = lstatSync(cache.at(name), {throwIfNoEntry: false});
    if (maker !== undefined && stats !== undefined && !isAtWork(maker, stats.ctimeMs))
      removeStaging(cache, name);
  }
}
