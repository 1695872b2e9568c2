/*
 * One elfinterp at a time in a root: two that replace one bundle would each take the other's for the old one.
 *
 * Node has no flock(2). A symbolic link is made in one step together with what it says, so it is the lock, and what
 * it says is who holds it: the number of the process and the time when it started, since numbers are used again.
 * A lock whose process is gone is taken away: renamed first, because two could see the same dead one, and the second
 * of them would take away the lock that the first has made since.
 */
import {linkSync, readFileSync, readlinkSync, renameSync, symlinkSync, unlinkSync} from 'node:fs';
import {ElfError, printable, systemError} from '../errors.js';
import type {HeldDirectory} from '../source/held.js';
import {isAlive} from '../write/workspace.js';

export const lockName = '.elfinterp-lock';

/** In milliseconds; a bundle of all emulators takes some seconds. */
const longestWait = 60_000;
const pause = 50;

/**
 * Do something while no other elfinterp changes the bundles of a root.
 *
 * @throws ElfError BUSY when another one takes too long, FILE_SYSTEM, and what `work` throws
 */
export function withLock<T>(root: HeldDirectory, work: () => T): T {
  take(root);
  try {
    return work();
  } finally {
    giveBack(root);
  }
}

/** A lock that cannot be removed is none any more when this process is gone. */
function giveBack(root: HeldDirectory): void {
  try {
    unlinkSync(root.at(lockName));
  } catch {
    // What was done under it is done.
  }
}

function take(root: HeldDirectory): void {
  const deadline = Date.now() + longestWait;
  const own = identityOf(process.pid);
  while (!tryToTake(root, own)) {
    const holder = holderOf(root);
    if (holder === undefined) continue;
    if (!isHeld(holder)) takeAway(root, holder);
    else if (Date.now() > deadline) throw busy(root, holder);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
  }
}

function tryToTake(root: HeldDirectory, own: string): boolean {
  try {
    symlinkSync(own, root.at(lockName));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw systemError(root.real, error, 'cannot write');
  }
}

/** Undefined when the lock has just been given back. */
function holderOf(root: HeldDirectory): string | undefined {
  try {
    return readlinkSync(root.at(lockName));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw busy(root, 'something that is no lock');
  }
}

function isHeld(holder: string): boolean {
  const pid = Number.parseInt(holder, 10);
  return isAlive(pid) && identityOf(pid) === holder;
}

function takeAway(root: HeldDirectory, dead: string): void {
  const aside = root.at(`${lockName}-${process.pid}`);
  try {
    renameSync(root.at(lockName), aside);
    // Somebody was faster, and this is his lock: he gets it back.
    if (readlinkSync(aside) !== dead) linkSync(aside, root.at(lockName));
    unlinkSync(aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw systemError(root.real, error, 'cannot write');
  }
}

/** The number of a process and when it started (proc(5), stat, field 22), if that can be known. */
function identityOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return `${pid}-${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return `${pid}-`;
  }
}

function busy(root: HeldDirectory, holder: string): ElfError {
  return new ElfError('BUSY', 'another elfinterp is at work here', {
    path: root.real,
    expected: `its lock ${lockName} to go, within ${longestWait / 1000} seconds`,
    got: printable(holder),
  });
}
