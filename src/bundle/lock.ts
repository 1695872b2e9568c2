/*
 * One elfinterp at a time in a root: two that replace one bundle would each take the other's for the old one.
 *
 * Node has no flock(2). A symbolic link is made in one step together with its target, so it is the lock, and its target
 * is who holds it (process-identity.ts).
 * A lock whose process is gone is taken away: renamed first, because two could see the same dead one, and the second
 * of them would take away the lock that the first has made since. The name that it gets meanwhile has the identity of
 * the process that renamed it.
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

/** Who has a lock that is not there at the moment. */
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
 * A lock that cannot be removed is none any more when this process is gone. One that another process took away in
 * error, and a third made anew, is not ours to remove.
 */
function giveBack(root: DirFd, name: string): void {
  try {
    if (readlinkSync(root.at(name)) === ownIdentity()) unlinkSync(root.at(name));
  } catch {
    // What was done under it is done.
  }
}

function take(root: DirFd): void {
  const deadline = Date.now() + longestWait;
  while (!tryToTake(root, lockName)) {
    const holder = holderOf(root, lockName);
    // The owner of the directory could make locks and take them away for ever.
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

/** Afterwards the lock is free, or another process has it: `take` sees. */
function takeAway(root: DirFd, name: string, dead: string): void {
  const aside = root.at(`${asidePrefix}${ownIdentity()}`);
  try {
    renameSync(root.at(name), aside);
    const holder = readlinkSync(aside);
    // Another run was faster, and this is its lock: it gets it back, unless a third has made one since.
    if (holder !== dead) symlinkSync(holder, root.at(name));
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw systemError(root.real, error, 'cannot write');
  } finally {
    removeLink(aside);
  }
}

/**
 * Do long-running work while no other process does it, under a lock of another name. If the work fails or is killed, the
 * lock stays and nobody holds it: it says that the work was begun.
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
    // Work of hours may go on where nothing is known of its process.
    if (isRunning(holder) !== false) throw busy(root, holder, name);
    takeAway(root, name, holder);
  }
}

/** What it says is not the identity of a process. Where there is nothing else, nothing was begun. */
function leaveMark(root: DirFd, name: string): void {
  giveBack(root, name);
  try {
    if (root.names().some((other) => other !== 'lost+found')) symlinkSync('unfinished', root.at(name));
  } catch {
    // The error that led here is the one to report.
  }
}

/** Remove locks that processes renamed which are gone. The root is locked. */
export function sweepLocks(root: DirFd): void {
  for (const name of root.names().filter((one) => one.startsWith(asidePrefix)))
    if (isRunning(name.slice(asidePrefix.length)) === false) removeLink(root.at(name));
}

/** Anything but a link is no lock. */
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
