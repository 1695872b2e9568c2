/*
 * Only one elfinterp at a time works in a root: two that replace the same bundle would each take the other's for the
 * old one.
 *
 * Node has no flock(2). A symbolic link is created atomically together with its target, so the link is the lock, and
 * its target names the holder (process-identity.ts). A lock whose process is gone is removed. It is renamed first,
 * because two processes could see the same stale lock, and the second would remove the lock that the first has taken
 * since. The temporary name contains the identity of the process that renamed it.
 */
import {lstatSync, readlinkSync, renameSync, symlinkSync, unlinkSync} from 'node:fs';
import {ElfError, printable, systemError} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';
import {isAtWork, isRunning, ownIdentity} from '../write/process-identity.js';

export const lockName = '.elfinterp-lock';
const asidePrefix = `${lockName}-`;

/** In milliseconds; a bundle of all emulators takes some seconds. */
const longestWait = 60_000;
const pause = 50;

/** The reported holder of a lock that is absent at the moment. */
const unsteady = 'a link that comes and goes';

/**
 * Do something while no other elfinterp changes the bundles of a root.
 *
 * @throws ElfError BUSY when another one takes too long, FILE_SYSTEM, and what `work` throws
 */
export function withLock<T>(root: DirFd, work: () => T): T {
  take(root);
  try {
    return work();
  } finally {
    giveBack(root, lockName);
  }
}

/**
 * A lock that cannot be removed becomes stale when this process ends. If another process removed it by mistake and a
 * third has taken it since, it is not ours to remove.
 */
function giveBack(root: DirFd, name: string): void {
  try {
    if (readlinkSync(root.at(name)) === ownIdentity()) unlinkSync(root.at(name));
  } catch {
    // The work done under it stands.
  }
}

function take(root: DirFd): void {
  const deadline = Date.now() + longestWait;
  while (!tryToTake(root, lockName)) {
    const holder = holderOf(root, lockName);
    // The owner of the directory could create and remove locks forever.
    if (Date.now() > deadline) throw busy(root, holder ?? unsteady);
    if (holder === undefined) continue;
    if (!isHeld(root, lockName, holder)) takeAway(root, lockName, holder);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
  }
}

function tryToTake(root: DirFd, name: string): boolean {
  try {
    symlinkSync(ownIdentity(), root.at(name));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw systemError(root.real, error, 'cannot write');
  }
}

/** Undefined when the lock has just been given back. */
function holderOf(root: DirFd, name: string): string | undefined {
  try {
    return readlinkSync(root.at(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw busy(root, 'something that is not a lock', name);
  }
}

function isHeld(root: DirFd, name: string, holder: string): boolean {
  const stats = lstatSync(root.at(name), {throwIfNoEntry: false});
  return stats !== undefined && isAtWork(holder, stats.ctimeMs);
}

/** Afterwards the lock is free or another process has it; `take` finds out which. */
function takeAway(root: DirFd, name: string, dead: string): void {
  const aside = root.at(`${asidePrefix}${ownIdentity()}`);
  try {
    renameSync(root.at(name), aside);
    const holder = readlinkSync(aside);
    // Another run was faster, and this is its lock: put it back, unless a third has taken one since.
    if (holder !== dead) symlinkSync(holder, root.at(name));
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw systemError(root.real, error, 'cannot write');
  } finally {
    removeLink(aside);
  }
}

/**
 * Do long-running work while no other process does it, under a lock of another name. If the work fails or is killed,
 * the lock stays, held by nobody, to show that the work was begun.
 *
 * @throws ElfError BUSY at once when another process has it, FILE_SYSTEM, and what `work` throws
 */
export async function withMark<T>(root: DirFd, name: string, work: () => Promise<T>): Promise<T> {
  takeMark(root, name);
  try {
    const result = await work();
    giveBack(root, name);
    return result;
  } catch (error) {
    leaveMark(root, name);
    throw error;
  }
}

function takeMark(root: DirFd, name: string): void {
  const deadline = Date.now() + longestWait;
  while (!tryToTake(root, name)) {
    const holder = holderOf(root, name);
    if (Date.now() > deadline) throw busy(root, holder ?? unsteady, name);
    if (holder === undefined) continue;
    // Work that takes hours may still be going on if nothing is known about its process.
    if (isRunning(holder) !== false) throw busy(root, holder, name);
    takeAway(root, name, holder);
  }
}

/** The mark's target is not the identity of a process. If the directory has nothing else in it, nothing was begun. */
function leaveMark(root: DirFd, name: string): void {
  giveBack(root, name);
  try {
    if (root.names().some((other) => other !== 'lost+found')) symlinkSync('unfinished', root.at(name));
  } catch {
    // The error that led here is the one to report.
  }
}

/** Remove locks renamed by processes that are gone. The root is locked. */
export function sweepLocks(root: DirFd): void {
  for (const name of root.names().filter((one) => one.startsWith(asidePrefix)))
    if (isRunning(name.slice(asidePrefix.length)) === false) removeLink(root.at(name));
}

/** Anything other than a link is not a lock. */
function removeLink(path: string): void {
  try {
    if (lstatSync(path).isSymbolicLink()) unlinkSync(path);
  } catch {
    // It is gone, or a later run removes it.
  }
}

function busy(root: DirFd, holder: string, name = lockName): ElfError {
  const isLock = name === lockName;
  return new ElfError('BUSY', 'another elfinterp process is working here', {
    path: root.real,
    expected: isLock
      ? `its lock ${lockName} to disappear within ${longestWait / 1000} seconds`
      : `its link ${name} to disappear, or to be removed if no process is working here`,
    got: printable(holder),
  });
}
