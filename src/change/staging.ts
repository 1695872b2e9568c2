/*
 * Change a directory (the root) so that an interruption at any moment leaves either the old state or the new one.
 *
 * Many files cannot be changed in one step, nor can one directory replace another in one step (Node has no
 * RENAME_EXCHANGE). A staging directory in the root holds the new files, the replaced files, and the journal of the
 * steps between them (journal.ts, steps.ts):
 *
 *     made ──▶ filled, proved ──▶ journal written ──▶ prepare ... ──▶ commit ──▶ finish ... ──▶ journal removed ──▶ gone
 *      └────────────┴── cleared away      └──── undone ────┘             └──── finished ────┘           └── cleared away
 *
 * The lower line shows what happens if the run ends there: the run itself does that after an error, the next run
 * (`recoverTree`) if the process was killed. If that fails, the staging directory stays, with everything in it.
 */
import {closeSync, fsyncSync, openSync, renameSync, rmdirSync, unlinkSync, writeFileSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError, printable, systemError} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';
import {syncDirectory} from '../write/durable.js';
import {isOurs, makeOwnDirectory, type OwnDirectory} from '../write/own-directory.js';
import {removeTree} from '../write/remove-tree.js';
import {deviceOf} from './entry.js';
import {formatJournal, type Journal, longestJournal, onDevice, parseJournal} from './journal.js';
import {makeMark, markIn, markName} from './mark.js';
import {carryOut, directoriesOf, doneName, windUp} from './steps.js';

/** What differs between the commands that change directories. */
export interface StagingKind {
  /** Names of their staging directories begin with it. */
  readonly prefix: string;
  /** What follows in the name of a new one: which process made it. A dash and random letters come after that. */
  maker(): string;
  /** Whether the directory of this name in a root is not in use by any running process. */
  isLeft(name: string, root: DirFd): boolean;
  /** The start of the message for a failed change, such as `cannot write the bundle`. */
  readonly failure: string;
  /** The name of the journal in earlier versions. */
  readonly formerJournal?: string;
}

/** An open staging directory. */
export class Staging {
  readonly root: DirFd;
  readonly kind: StagingKind;
  readonly name: string;
  readonly directory: DirFd;

  constructor(root: DirFd, kind: StagingKind, {name, directory}: OwnDirectory) {
    this.root = root;
    this.kind = kind;
    this.name = name;
    this.directory = directory;
  }

  /** For messages. */
  get path(): string {
    return posix.join(this.root.real, this.name);
  }

  [Symbol.dispose](): void {
    this.directory[Symbol.dispose]();
  }
}

const journalName = 'journal.json';
/** The name of a journal that is not complete yet. */
const newJournalName = `${journalName}.new`;

/** The entries of a staging directory, except the journal. */
const parts: readonly string[] = [newJournalName, doneName, 'made', 'new', 'replaced', markName];

/**
 * Change a directory through a staging directory, while no other process changes it.
 *
 * @param plan fills the staging directory and returns what to do; nothing of the root is changed yet
 * @throws ElfError FILE_SYSTEM and what `plan` throws; then everything is as it was, or the change is complete
 */
export function changeTree(root: DirFd, kind: StagingKind, plan: (staging: DirFd) => Journal): void {
  using staging = makeStaging(root, kind);
  try {
    carryOutIn(staging, plan(staging.directory));
  } catch (error) {
    throw afterUndoing(staging, error);
  }
  clear(staging);
}

/**
 * Do something with a staging directory, which is removed afterwards.
 *
 * @throws ElfError FILE_SYSTEM and what `work` throws; a change that it began is then undone or completed
 */
export async function withStaging<T>(
  root: DirFd,
  kind: StagingKind,
  work: (staging: Staging) => Promise<T>,
): Promise<T> {
  using staging = makeStaging(root, kind);
  let result: T;
  try {
    result = await work(staging);
  } catch (error) {
    throw afterUndoing(staging, error);
  }
  clear(staging);
  return result;
}

/** Carry out a change whose new files are in a staging directory. @throws ElfError; nothing is undone yet */
export function carryOutIn({root, directory}: Staging, plan: Journal): void {
  const journal = {
    ...plan,
    directories: directoriesOf(root, plan),
    device: deviceOf(root),
    mark: markIn(directory),
  };
  writeJournal(directory, journal);
  carryOut({root, staging: directory}, journal);
}

/** The names of what interrupted runs left in a root. */
export function leftIn(root: DirFd, kind: StagingKind): string[] {
  return root.names().filter((name) => name.startsWith(kind.prefix) && kind.isLeft(name, root));
}

/**
 * Undo, finish or clear away what interrupted runs left in a root, while no other process does the same.
 *
 * @returns the names of what was left
 * @throws ElfError BAD_MANIFEST for a journal that cannot be read; nothing is touched then. CHANGED, FILE_SYSTEM
 */
export function recoverTree(root: DirFd, kind: StagingKind): readonly string[] {
  const done: string[] = [];
  for (const name of leftIn(root, kind)) {
    using staging = openLeft(root, kind, name);
    if (staging === undefined) continue;
    recoverFrom(staging);
    done.push(name);
  }
  return done;
}

/** Remove what killed runs left in a root before they had changed anything. What cannot be removed stays. */
export function clearLeft(root: DirFd, kind: StagingKind): void {
  for (const name of leftIn(root, kind)) {
    using staging = openLeft(root, kind, name);
    const isUnused = staging?.directory.names().every((one) => !isJournal(one, kind));
    if (staging !== undefined && isUnused) clear(staging);
  }
}

/** Whether the directory of this name was left by an interrupted run that may have changed something. */
export function hasChanges(root: DirFd, kind: StagingKind, name: string): boolean {
  using staging = openLeft(root, kind, name);
  return staging?.directory.names().some((one) => isJournal(one, kind)) ?? false;
}

/** Why a directory of this name cannot be recovered, in words; it may still hold half of a change. */
export function obstacleIn(root: DirFd, kind: StagingKind, name: string): string | undefined {
  using directory = root.realDirectory(name);
  if (directory === undefined) return undefined;
  const {uid, mode} = directory.stats;
  if (!isOurs(directory.stats)) return `a directory of user ${uid} with mode 0${(mode & 0o7777).toString(8)}`;
  const stray = directory.names().find((one) => !isKnown(one, kind));
  return stray === undefined ? undefined : `${printable(stray)} in it`;
}

function isJournal(name: string, {formerJournal}: StagingKind): boolean {
  return name === journalName || name === formerJournal;
}

/**
 * Open what an interrupted run of this user left; undefined for anything else with such a name. The owner of the root
 * could give the name to one of root's directories to have it deleted, so a directory with other things in it is left
 * alone.
 */
function openLeft(root: DirFd, kind: StagingKind, name: string): Staging | undefined {
  const directory = root.realDirectory(name);
  if (
    directory !== undefined &&
    isOurs(directory.stats) &&
    directory.names().every((one) => isKnown(one, kind))
  )
    return new Staging(root, kind, {name, directory});
  directory?.[Symbol.dispose]();
  return undefined;
}

function isKnown(name: string, kind: StagingKind): boolean {
  return parts.includes(name) || isJournal(name, kind);
}

function makeStaging(root: DirFd, kind: StagingKind): Staging {
  try {
    return new Staging(root, kind, makeOwnDirectory(root, `${kind.prefix}${kind.maker()}-`, makeMark));
  } catch (error) {
    throw systemError(root.real, error, 'cannot write');
  }
}

/** If undoing fails too, the next run does it. @returns the error to throw */
function afterUndoing(staging: Staging, error: unknown): ElfError {
  const {root, kind} = staging;
  const first = () => systemError(root.real, error, kind.failure);
  try {
    recoverFrom(staging);
  } catch (second) {
    const {code, reason, path} = systemError(staging.path, second, 'cannot undo the change');
    const cause = first();
    const before = cause.reason === reason ? '' : `; the earlier error: ${cause.message}`;
    const where = hasReplaced(staging) ? `; the old files are in ${staging.path}` : '';
    return new ElfError(code, `${reason}${before}${where}`, {path, cause});
  }
  return first();
}

/** Whether old files are still in the staging directory. If not, only clearing it away failed. */
function hasReplaced({directory, kind}: Staging): boolean {
  try {
    const names = directory.names();
    return names.includes('replaced') && names.some((name) => isJournal(name, kind));
  } catch {
    return true;
  }
}

function recoverFrom(staging: Staging): void {
  const {root, directory} = staging;
  const journal = readJournal(staging);
  try {
    if (journal !== undefined)
      windUp({root, staging: directory}, journal, (changed) => writeJournal(directory, changed));
  } catch (error) {
    throw withCure(
      staging,
      systemError(staging.path, error, 'cannot restore what an interrupted run left here'),
    );
  }
  removeStaging(staging);
}

/** If another process has changed something since, the user has to sort it out; nothing is overwritten. */
function withCure({path: staging}: Staging, error: ElfError): ElfError {
  const {code, reason, path, cause} = error;
  if (code !== 'CHANGED') return error;
  return new ElfError(code, reason, {
    path,
    expected: `what an interrupted run left there; move what is needed out of ${staging}/replaced, remove ${staging}, and run again`,
    cause,
  });
}

/**
 * Undefined if no step was taken, or everything was done. A journal that cannot be read or was not written here is left
 * to the user.
 */
function readJournal({root, directory, kind, path}: Staging): Journal | undefined {
  try {
    if (kind.formerJournal !== undefined && directory.names().includes(kind.formerJournal))
      throw new ElfError('BAD_MANIFEST', 'the list of another version of elfinterp', {
        path: kind.formerJournal,
      });
    const journal = parseFile(directory, posix.join(path, journalName));
    if (journal !== undefined) requireMark(directory, journal);
    return journal && onDevice(journal, deviceOf(root));
  } catch (error) {
    const cause = systemError(path, error, 'cannot read');
    if (cause.code === 'FILE_SYSTEM') throw cause;
    throw new ElfError('BAD_MANIFEST', 'cannot tell what an interrupted run left here', {
      path,
      expected:
        'a journal that was written here; move back what is needed of `replaced`, and remove this directory',
      got: cause.message,
      cause,
    });
  }
}

function requireMark(directory: DirFd, {mark}: Journal): void {
  if (mark !== undefined && mark === markIn(directory)) return;
  throw new ElfError('BAD_MANIFEST', 'the journal was written in another directory, or by another version', {
    path: journalName,
  });
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

/** The whole journal is on disk, even after a power failure, before any step is taken. */
function writeJournal(staging: DirFd, journal: Journal): void {
  const fd = openSync(staging.at(newJournalName), 'w', 0o600);
  try {
    writeFileSync(fd, formatJournal(journal));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(staging.at(newJournalName), staging.at(journalName));
  syncDirectory(staging.path);
}

/** The change is complete; what cannot be removed now is cleared away by the next run. */
function clear(staging: Staging): void {
  try {
    removeStaging(staging);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
}

/** The contents are removed through the open directory, whatever its name is by now; then the empty directory is. */
function removeStaging({root, name, directory, path}: Staging): void {
  try {
    removeJournal(directory);
    for (const part of parts) removeTree(directory, part);
    rmdirSync(root.at(name));
  } catch (error) {
    // It was renamed, or something else is in its place.
    if (!['ENOENT', 'ENOTDIR', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw systemError(path, error, 'cannot remove');
  }
}

/** Remove the journal first, on disk too: following it without the other files would go wrong. */
function removeJournal(staging: DirFd): void {
  try {
    unlinkSync(staging.at(journalName));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  syncDirectory(staging.path);
}
