/*
 * Changing a directory, the root, so that an interruption at any moment leaves what was there or what was to come.
 *
 * Many files cannot change in one step, and a directory cannot take the place of another in one (Node has no
 * RENAME_EXCHANGE). A staging directory in the root holds what comes, what gives way, and the journal of the steps
 * between them (journal.ts, steps.ts):
 *
 *     made ──▶ filled, proved ──▶ journal written ──▶ prepare ... ──▶ commit ──▶ finish ... ──▶ journal removed ──▶ gone
 *      └────────────┴── cleared away      └──── undone ────┘             └──── finished ────┘           └── cleared away
 *
 * The lower line is what becomes of it when the run ends there: the run itself does that after an error, and the next
 * one (`recoverTree`) if the process was killed. Where it fails, the staging directory stays, with all that is in it.
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
import {carryOut, directoriesOf, doneName, windUp} from './steps.js';

/** What differs between the commands that change directories. */
export interface StagingKind {
  /** Names of their staging directories begin with it. */
  readonly prefix: string;
  /** What follows in the name of a new one: which process made it. A dash and random letters come after that. */
  maker(): string;
  /** Whether no running process uses the directory of such a name in a root. */
  isLeft(name: string, root: DirFd): boolean;
  /** What a failed change could not do. */
  readonly failure: string;
  /** What earlier versions had for a journal. */
  readonly formerJournal?: string;
}

/** A staging directory that is held. */
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
/** Under this name it is not complete. */
const newJournalName = `${journalName}.new`;

/** The entries of a staging directory, but for the journal. */
const parts: readonly string[] = [newJournalName, doneName, 'made', 'new', 'replaced'];

/**
 * Change a directory through a staging directory, while no other process changes it.
 *
 * @param plan fills the staging directory and returns what to do; nothing of the root is changed yet
 * @throws ElfError FILE_SYSTEM and what `plan` throws; everything is as it was then, or the change is done
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
 * Do something with a staging directory, which is gone afterwards.
 *
 * @throws ElfError FILE_SYSTEM and what `work` throws; a change that it began is undone then, or done
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
  const journal = {...plan, directories: directoriesOf(root, plan), device: deviceOf(root)};
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
 * @returns the names of what there was
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

/** Remove what killed runs left in a root in which they had changed nothing yet. What cannot be removed stays. */
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

/** What keeps a directory of such a name from being recovered, in words: it may hold half of a change all the same. */
export function obstacleIn(root: DirFd, kind: StagingKind, name: string): string | undefined {
  using directory = openReal(root, name);
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
 * Hold what an interrupted run of this user left; undefined for anything else of such a name. The owner of the root
 * could give the name to a directory of root's, to have it cleared away: one with other things in it is left alone.
 */
function openLeft(root: DirFd, kind: StagingKind, name: string): Staging | undefined {
  const directory = openReal(root, name);
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

/** A link or a file of such a name is nothing of ours. */
function openReal(root: DirFd, name: string): DirFd | undefined {
  try {
    return root.directory(name);
  } catch (error) {
    if (error instanceof ElfError && error.code === 'OUTSIDE') return undefined;
    throw error;
  }
}

function makeStaging(root: DirFd, kind: StagingKind): Staging {
  try {
    return new Staging(root, kind, makeOwnDirectory(root, `${kind.prefix}${kind.maker()}-`));
  } catch (error) {
    throw systemError(root.real, error, 'cannot write');
  }
}

/** Where undoing fails too, the next run does it. @returns the error to throw */
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

/** Where nothing was changed, or all was put back, only the clearing away failed. */
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

/** What another process changed since, its user has to put in order; nothing is overwritten. */
function withCure({path: staging}: Staging, error: ElfError): ElfError {
  const {code, reason, path, cause} = error;
  if (code !== 'CHANGED') return error;
  return new ElfError(code, reason, {
    path,
    expected: `what an interrupted run left there; move what is needed out of ${staging}/replaced, remove ${staging}, and run again`,
    cause,
  });
}

/** Undefined where no step was taken, or everything was done. What cannot be read is left to the user. */
function readJournal({root, directory, kind, path}: Staging): Journal | undefined {
  try {
    if (kind.formerJournal !== undefined && directory.names().includes(kind.formerJournal))
      throw new ElfError('BAD_MANIFEST', 'the list of another version of elfinterp', {
        path: kind.formerJournal,
      });
    const journal = parseFile(directory, posix.join(path, journalName));
    return journal && onDevice(journal, deviceOf(root));
  } catch (error) {
    const cause = systemError(path, error, 'cannot read');
    if (cause.code === 'FILE_SYSTEM') throw cause;
    throw new ElfError('BAD_MANIFEST', 'cannot tell what an interrupted run left here', {
      path,
      expected: 'a journal; move back the files in `replaced`, and remove this directory',
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

/** What is done is done; what is left of the old is cleared away by the next run. */
function clear(staging: Staging): void {
  try {
    removeStaging(staging);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
}

/** What is in it goes by the directory itself, whatever its name is by now; then it is empty. */
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

/** The journal goes first, on the disk too: without the rest it would be followed wrongly. */
function removeJournal(staging: DirFd): void {
  try {
    unlinkSync(staging.at(journalName));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  syncDirectory(staging.path);
}
