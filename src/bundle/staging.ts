/*
 * Changing the bundle of a root so that an interruption at any moment leaves the old one or the new one.
 *
 * A directory cannot take the place of another in one step (Node has no RENAME_EXCHANGE), so a change has many. A staging
 * directory in the root holds the new bundle, what gives way, and the journal of the steps between them (journal.ts,
 * steps.ts):
 *
 *     made ──▶ filled, proved ──▶ journal written ──▶ prepare ... ──▶ commit ──▶ finish ... ──▶ journal removed ──▶ gone
 *      └────────────┴── cleared away      └──── undone ────┘             └──── finished ────┘           └── cleared away
 *
 * The lower line is what becomes of it when the run ends there. Whoever finds the staging directory of a process that is
 * gone sees to it; `withLock` sees to it that one that is found belongs to no running process.
 */
import {closeSync, fsyncSync, mkdtempSync, openSync, renameSync, rmdirSync, writeFileSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';
import {syncDirectory} from '../write/durable.js';
import {removeTree} from '../write/remove-tree.js';
import {formatJournal, type Journal, longestJournal, parseJournal} from './journal.js';
import {lockName, sweepLocks, withLock} from './lock.js';
import {carryOut, windUp} from './steps.js';

const stagingPrefix = '.elfinterp-staging-';
const journalName = 'journal.json';
/** Under this name it is not complete. */
const newJournalName = `${journalName}.new`;
/** What earlier versions had for a journal. */
const listName = 'manifest.json';

/** The entries of a staging directory. The journal goes first: without it there is nothing to be undone any more. */
const parts: readonly string[] = [journalName, newJournalName, 'made', 'new', 'replaced'];

/** Whether a run is under way in a root, or was interrupted there. */
function isUnsettled(root: DirFd): boolean {
  return root.names().some((name) => name === lockName || name.startsWith(stagingPrefix));
}

/** Wait for the run that is under way in a root, and undo what an interrupted one left; the names of what that was. */
export function settle(root: DirFd): readonly string[] {
  return isUnsettled(root) ? withLock(root, () => recover(root)) : [];
}

/**
 * Undo, finish or clear away what runs that were interrupted left in a root, which is locked.
 *
 * @returns the names of what there was
 * @throws ElfError BAD_MANIFEST for a journal that cannot be read; nothing is touched then. FILE_SYSTEM
 */
export function recover(root: DirFd): readonly string[] {
  sweepLocks(root);
  const done: string[] = [];
  for (const name of root.names().filter((one) => one.startsWith(stagingPrefix))) {
    using staging = openOwn(root, name);
    if (staging === undefined || !isStaging(staging)) continue;
    recoverFrom(root, name, staging);
    done.push(name);
  }
  return done;
}

/**
 * Change the bundle of a root, which is locked, through a staging directory.
 *
 * @param plan fills the staging directory and says what to do; nothing of the root is changed yet
 * @throws ElfError FILE_SYSTEM and what `plan` throws; everything is as it was then, or the change is done
 */
export function changeBundle(root: DirFd, plan: (staging: DirFd) => Journal): void {
  const name = makeStaging(root);
  using staging = root.directory(name);
  if (staging === undefined || !isStaging(staging) || staging.names().length > 0)
    throw new ElfError('CHANGED', 'another process removed the staging directory', {
      path: `${root.real}/${name}`,
    });
  try {
    const journal = plan(staging);
    writeJournal(staging, journal);
    carryOut({root, staging}, journal);
  } catch (error) {
    // Where that fails too, the next run does it.
    recoverFrom(root, name, staging);
    throw systemError(root.real, error, 'cannot write the bundle');
  }
  clear(root, name, staging);
}

/** A link of such a name is nothing of ours. */
function openOwn(root: DirFd, name: string): DirFd | undefined {
  try {
    return root.directory(name);
  } catch (error) {
    if (error instanceof ElfError && error.code === 'OUTSIDE') return undefined;
    throw error;
  }
}

/**
 * Whether a directory of such a name is one of ours: no one else got into it, and nothing else is in it. In a root that
 * belongs to another user, who could give the name to a directory of root's, to have it cleared away.
 */
function isStaging(directory: DirFd): boolean {
  const {mode, uid} = directory.stats;
  if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) return false;
  return directory.names().every((name) => parts.includes(name) || name === listName);
}

function recoverFrom(root: DirFd, name: string, staging: DirFd): void {
  const path = posix.join(root.real, name);
  const journal = readJournal(staging, path);
  try {
    if (journal !== undefined) windUp({root, staging}, journal);
  } catch (error) {
    throw systemError(path, error, 'cannot restore what an interrupted run left here');
  }
  removeStaging(root, name, staging);
}

/** Undefined where no step was taken, or everything was done. What cannot be read is for its user to see to. */
function readJournal(staging: DirFd, path: string): Journal | undefined {
  try {
    if (staging.names().includes(listName))
      throw new ElfError('BAD_MANIFEST', 'the list of another version of elfinterp', {path: listName});
    return parseFile(staging, posix.join(path, journalName));
  } catch (error) {
    const cause = systemError(path, error, 'cannot read');
    if (cause.code === 'FILE_SYSTEM') throw cause;
    throw new ElfError('BAD_MANIFEST', 'cannot tell what an interrupted run left here', {
      path,
      expected: 'a journal; move back what `replaced` has of the root, and remove this directory',
      got: cause.message,
      cause,
    });
  }
}

function parseFile(staging: DirFd, path: string): Journal | undefined {
  const source = staging.open(journalName, path);
  try {
    if (source === undefined) return undefined;
    if (source.size <= longestJournal)
      return parseJournal(Buffer.from(source.read(0, source.size)).toString(), path);
    const expected = `at most ${longestJournal} bytes`;
    throw new ElfError('BAD_MANIFEST', 'too long for a journal', {
      path,
      expected,
      got: `${source.size} bytes`,
    });
  } finally {
    source?.close();
  }
}

/** It is there as a whole, also after a power failure, before anything is done. */
function writeJournal(staging: DirFd, journal: Journal): void {
  const fd = openSync(staging.at(newJournalName), 'wx', 0o600);
  try {
    writeFileSync(fd, formatJournal(journal));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(staging.at(newJournalName), staging.at(journalName));
  syncDirectory(staging.path);
}

function makeStaging(root: DirFd): string {
  try {
    return posix.basename(mkdtempSync(root.at(`${stagingPrefix}${process.pid}-`)));
  } catch (error) {
    throw systemError(root.real, error, 'cannot write');
  }
}

/** What is done is done; what is left of the old is cleared away by the next run. */
function clear(root: DirFd, name: string, staging: DirFd): void {
  try {
    removeStaging(root, name, staging);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
}

/** What is in it goes by the directory itself, whatever its name is by now; then it is empty. */
function removeStaging(root: DirFd, name: string, staging: DirFd): void {
  try {
    for (const part of parts) removeTree(staging, part);
    rmdirSync(root.at(name));
  } catch (error) {
    throw systemError(posix.join(root.real, name), error, 'cannot remove');
  }
}
