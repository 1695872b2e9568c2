/*
 * Changing the bundle of a root, which is locked, through a staging directory (change/staging.ts).
 */
import type {Journal} from '../change/journal.js';
import {changeTree, recoverTree, type StagingKind} from '../change/staging.js';
import type {DirFd} from '../source/dir-fd.js';
import {lockName, sweepLocks, withLock} from './lock.js';

/** Under the lock, no staging directory in the root belongs to another running process. */
const bundleStaging: StagingKind = {
  prefix: '.elfinterp-staging-',
  maker: () => String(process.pid),
  isLeft: () => true,
  failure: 'cannot write the bundle',
  formerJournal: 'manifest.json',
};

/** Whether a run is under way in a root, or was interrupted there. */
function isUnsettled(root: DirFd): boolean {
  return root.names().some((name) => name === lockName || name.startsWith(bundleStaging.prefix));
}

/** Wait for a run in progress in a root, and undo what an interrupted one left; returns the names of what was left. */
export function settle(root: DirFd): readonly string[] {
  return isUnsettled(root) ? withLock(root, () => recover(root)) : [];
}

/** Undo, finish or clear away what interrupted runs left in a root, which is locked; see `recoverTree`. */
export function recover(root: DirFd): readonly string[] {
  sweepLocks(root);
  return recoverTree(root, bundleStaging);
}

/** Change the bundle of a root, which is locked; see `changeTree`. @param failure the message if that fails */
export function changeBundle(
  root: DirFd,
  plan: (staging: DirFd) => Journal,
  failure = bundleStaging.failure,
): void {
  changeTree(root, {...bundleStaging, failure}, plan);
}
