/*
 * The staging directories of repairs (change/staging.ts): beside the new package, or in the one that is changed.
 */
import {chmodSync, chownSync, lstatSync} from 'node:fs';
import {posix} from 'node:path';
import {
  clearLeft,
  hasChanges,
  leftIn,
  obstacleIn,
  recoverTree,
  type Staging,
  type StagingKind,
  withStaging,
} from '../../change/staging.js';
import {ElfError} from '../../errors.js';
import {enter} from '../../loader/inside.js';
import type {DirFd} from '../../source/dir-fd.js';
import {identityPattern, isAtWork, isRunning, ownIdentity} from '../../write/process-identity.js';
import {isWorkspaceName} from '../../write/workspace-names.js';

const repairStaging: StagingKind = {
  prefix: '.elfinterp-repair-',
  maker: ownIdentity,
  isLeft: (name, parent) => isStaging(name) && !isInUse(parent, name),
  failure: 'cannot write',
};

const pattern = new RegExp(`^\\.elfinterp-repair-(${identityPattern})-\\w{6}$`);

/** Whether a name is that of such a directory. */
export function isStaging(name: string): boolean {
  return pattern.test(name);
}

/** Whether a name is that of a directory in which a run of elfinterp works: no part of a package. */
export function isOfRun(name: string): boolean {
  return isStaging(name) || isWorkspaceName(name);
}

/** Which process made it (`ownIdentity`). */
function holderOf(name: string): string {
  return pattern.exec(name)?.[1] ?? '';
}

function isInUse(parent: DirFd, name: string): boolean {
  const stats = lstatSync(parent.at(name), {throwIfNoEntry: false});
  return stats !== undefined && isAtWork(holderOf(name), stats.ctimeMs);
}

/**
 * Do something with a staging directory, which is gone afterwards.
 *
 * @param alone refuse to work beside another run: in a package itself
 * @throws what `work` throws, or ElfError BUSY
 */
export async function withRepairStaging<T>(
  parent: DirFd,
  work: (staging: Staging) => Promise<T>,
  alone?: 'alone',
): Promise<T> {
  return await withStaging(parent, repairStaging, async (staging) => {
    leaveGroup(staging.directory);
    if (alone) requireAlone(parent, staging.name);
    return await work(staging);
  });
}

/** Remove the copies that killed runs left where they made them, if possible; errors do not matter. */
export function clearCopies(parent: DirFd): void {
  if (!isOnlyOursToName(parent)) return;
  try {
    clearLeft(parent, {
      ...repairStaging,
      isLeft: (name) => isStaging(name) && isGone(parent, name, holderOf(name)),
    });
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
}

/** In another user's directory any directory of root's can have the name of one that may be removed. */
export function isOnlyOursToName({stats: {uid, mode}}: DirFd): boolean {
  if (process.geteuid?.() !== 0) return true;
  return uid === 0 && ((mode & 0o022) === 0 || (mode & 0o1000) !== 0);
}

/** Longer than any copy takes, in milliseconds; for when nothing tells whether the process still runs. */
const longestCopy = 24 * 60 * 60 * 1000;

/** Whether the process that made a directory has ended. */
export function isGone(parent: DirFd, name: string, maker: string): boolean {
  const running = isRunning(maker);
  if (running !== 'unknown') return !running;
  const stats = lstatSync(parent.at(name), {throwIfNoEntry: false});
  return stats !== undefined && Date.now() - stats.ctimeMs > longestCopy;
}

/** Undo, or clear away, what killed runs left in a package. @throws ElfError BUSY, BAD_MANIFEST, CHANGED, FILE_SYSTEM */
export async function recoverPackage(top: DirFd): Promise<void> {
  if (leftIn(top, repairStaging).length === 0) return;
  await withRepairStaging(top, async () => recoverTree(top, repairStaging), 'alone');
}

/**
 * Refuse a half-changed package: by a run that was killed, which only writing to the package can undo, or by one that
 * is still running. What another user's run left counts as well, although nobody else can tell what it changed.
 *
 * @throws ElfError CONFLICT, BUSY
 */
export function requireWhole(top: DirFd): void {
  for (const name of top.names().filter(isStaging)) {
    const obstacle = obstacleIn(top, repairStaging, name);
    if (obstacle === undefined && !hasChanges(top, repairStaging, name)) continue;
    if (isInUse(top, name)) throw busy(top, name);
    const path = posix.join(top.real, name);
    if (obstacle === undefined)
      throw new ElfError('CONFLICT', 'is required first: it undoes what an interrupted repair changed', {
        path,
        fields: ['inPlace'],
      });
    throw new ElfError('CONFLICT', 'an interrupted repair may have changed half of the package', {
      path,
      expected:
        'what a repair of this user left, and nothing else; its owner can undo it with a repair in place',
      got: obstacle,
    });
  }
}

/** In a set-group-ID directory new ones get its group, and what root copies would be open to that group. */
function leaveGroup(directory: DirFd): void {
  if (process.geteuid?.() !== 0 || process.getegid === undefined) return;
  chownSync(directory.path, 0, process.getegid());
  chmodSync(directory.path, 0o700);
}

/** Two repairs of one package would each take the other's files for the old ones. */
function requireAlone(parent: DirFd, own: string): void {
  const other = parent.names().find((name) => isStaging(name) && name !== own && isInUse(parent, name));
  if (other !== undefined) throw busy(parent, other);
}

function busy(parent: DirFd, name: string): ElfError {
  return new ElfError('BUSY', 'another elfinterp process is working here', {
    path: parent.real,
    expected: `${name} to disappear`,
    got: `process ${holderOf(name)}`,
  });
}

/** Do something with the directory of a path of the package, which is made when it does not exist. */
export function inDirectoryOf<T>(top: DirFd, path: string, work: (directory: DirFd, name: string) => T): T {
  using directory = enter(top, posix.dirname(`/${path}`), 'make');
  return work(directory, posix.basename(path));
}
