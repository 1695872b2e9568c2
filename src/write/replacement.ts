/*
 * Replace a file by a new one: prepared in a workspace beside it, then renamed. A reader of the path sees the old file
 * or the new one, even after a crash, and a running program keeps its old file.
 */
import {fchmodSync, fstatSync, lstatSync, renameSync, type Stats} from 'node:fs';
import type {Plan} from '../edit/plan.js';
import {ElfError, systemError} from '../errors.js';
import {closeQuietly} from '../source/descriptor.js';
import type {Place} from '../source/place.js';
import type {OnProgress} from '../source/progress.js';
import type {AttributeCopy} from './attributes.js';
import {copyChanged} from './copy.js';
import type {Target} from './editable.js';
import {keepOwner, setMode} from './metadata.js';
import {type Commit, Transaction, writtenBeforeFailure, writtenBut} from './transaction.js';
import type {WorkFile, Workspaces} from './workspace.js';

/** Where the new file goes. */
interface Destination {
  readonly place: Place;
  /** For messages. */
  readonly path: string;
  /** What was there when it was looked up: the target itself if that is to be replaced. */
  readonly replaced: Stats | undefined;
  /** Whether the new file gets the mode of the one it replaces, or of any new file, instead of the target's. */
  readonly ownMode?: boolean;
}

/**
 * Check what is at the destination of a new file. A dangling link is replaced itself.
 *
 * @throws ElfError UNTRUSTED_LINK, NOT_A_FILE
 */
export function destinationAt(place: Place, path: string): Destination {
  const replaced = place.look();
  if (replaced !== undefined && !replaced.isFile() && !replaced.isSymbolicLink())
    throw new ElfError('NOT_A_FILE', 'the output is not a regular file', {path});
  try {
    place.requireTrusted(replaced);
    if (replaced?.isFile()) requireOwnOutput(place, replaced);
  } catch (error) {
    throw error instanceof ElfError ? error.at(path) : error;
  }
  return {place, path, replaced};
}

/**
 * In a sticky, world-writable directory, the user who created the file would own what is written to it; Linux's
 * fs.protected_regular has the same rule (proc_sys_fs(5)).
 */
function requireOwnOutput({directory}: Place, {uid}: Stats): void {
  const {mode, uid: owner} = directory.stats;
  const isForAll = (mode & 0o1002) === 0o1002;
  if (!isForAll || uid === process.geteuid?.() || uid === owner) return;
  throw new ElfError(
    'CONFLICT',
    'the output belongs to another user, in a directory that everyone may write to',
    {
      expected: 'a new file, or one of your own',
    },
  );
}

/**
 * Prepare the new file, complete except for its attributes and mode.
 *
 * @throws ElfError CHANGED, UNSUPPORTED, or an error of the system
 */
export function prepareReplacement(
  target: Target,
  plan: Plan,
  destination: Destination,
  workspaces: Workspaces,
  onProgress?: OnProgress,
): Transaction {
  try {
    const file = workspaces.create(destination.place.directory);
    try {
      copyChanged(target.source, {fd: file.fd, path: file.workspace.path(file.number)}, plan, onProgress);
      return new Replacement(target, destination, file, giveOwner(file.fd, target, destination));
    } catch (error) {
      closeQuietly(file.fd);
      throw error;
    }
  } catch (error) {
    throw systemError(destination.path, error, 'cannot write a new file next to it');
  }
}

/**
 * Give the new file the owner of an existing file, else that of the target; with `ownMode`, a new file stays the user's
 * own.
 */
function giveOwner(fd: number, target: Target, {replaced, ownMode}: Destination): string[] {
  if (replaced?.isFile()) return keepOwner(fd, replaced);
  return ownMode ? [] : keepOwner(fd, target.source.stats);
}

class Replacement extends Transaction {
  readonly attributes: AttributeCopy | undefined;
  readonly #target: Target;
  readonly #destination: Destination;
  readonly #file: WorkFile;

  constructor(target: Target, destination: Destination, file: WorkFile, notes: readonly string[]) {
    super(destination.place, file.fd);
    const {fd, stats} = target.source;
    const {uid, gid} = fstatSync(file.fd);
    // Capabilities, like set-ID bits, were granted to a file with this owner and mode. Only root could copy them.
    const isOther = (uid !== stats.uid || gid !== stats.gid) && process.geteuid?.() === 0;
    const kinds = isOther ? (['mode'] as const) : (['mode', 'xattr'] as const);
    this.attributes = destination.ownMode ? undefined : {...file, fd, kinds, to: 'workspace'};
    this.notes.push(...notes);
    if (isOther && !destination.ownMode)
      this.notes.push('attributes, capabilities and set-ID bits are dropped: the owner differs');
    this.#target = target;
    this.#destination = destination;
    this.#file = file;
  }

  complete(complaint: string | undefined): Commit {
    // Use the current mode: writing to a set-user-ID file clears that bit, and the copied bytes may be the writer's.
    const input = fstatSync(this.#target.source.fd);
    if (!isSame(input, this.#target.source.stats)) throw this.#changed();
    const {ownMode, replaced} = this.#destination;
    if (ownMode) fchmodSync(this.fd, plainMode(replaced));
    else this.notes.push(...setMode(this.fd, input, this.notes.length > 0));
    if (complaint !== undefined) this.notes.push(lossNote(complaint, this.#isEdit));
    if (this.#isEdit && input.nlink > 1) this.notes.push(hardLinkNote(input));
    return () => this.#moveIn();
  }

  #moveIn(): void {
    const {place} = this.#destination;
    this.#requireSameTarget();
    renameSync(this.#file.workspace.path(this.#file.number), place.path);
    this.#requireInPlace();
  }

  /** Whether the file takes the place of the one that it was made from. */
  get #isEdit(): boolean {
    const {replaced} = this.#destination;
    const {ino, dev} = this.#target.source.stats;
    return replaced?.ino === ino && replaced.dev === dev;
  }

  /** Anything put there or changed since the lookup would be lost. */
  #requireSameTarget(): void {
    const {place, replaced} = this.#destination;
    const now = place.look();
    const expected = this.#isEdit ? this.#target.source.stats : replaced;
    if (now === undefined ? expected === undefined : expected !== undefined && isSame(now, expected)) return;
    throw this.#changed();
  }

  /** In another user's directory, that user controls what a name refers to. */
  #requireInPlace(): void {
    const {path} = this.#destination.place;
    let own: Stats;
    let now: Stats | undefined;
    try {
      own = fstatSync(this.fd);
      now = lstatSync(path, {throwIfNoEntry: false});
    } catch (error) {
      throw writtenBeforeFailure(this.path, 'the result cannot be checked', error);
    }
    if (now?.ino === own.ino && now.dev === own.dev) return;
    throw writtenBut(this.path, 'another process replaced the result immediately');
  }

  #changed(): ElfError {
    return new ElfError('CHANGED', 'the file changed during the edit', {path: this.path});
  }
}

/** The mode that open(2) would give a new file, or that of the existing file. */
function plainMode(replaced: Stats | undefined): number {
  return replaced?.isFile() ? replaced.mode & 0o777 : 0o777 & ~process.umask();
}

function isSame(a: Stats, b: Stats): boolean {
  return (
    a.ino === b.ino &&
    a.dev === b.dev &&
    a.mode === b.mode &&
    a.size === b.size &&
    a.mtimeMs === b.mtimeMs &&
    a.ctimeMs === b.ctimeMs
  );
}

function hardLinkNote({nlink}: Stats): string {
  const others = nlink === 2 ? 'another hard link keeps' : `${nlink - 1} other hard links keep`;
  return `${others} the old content; an edit in place would change ${nlink === 2 ? 'it' : 'them'} too`;
}

/** Writing in place keeps everything except capabilities, which only root can restore. */
function lossNote(complaint: string, isEdit: boolean): string {
  if (!isEdit || complaint.includes('security.capability')) return complaint;
  return `${complaint}; an edit in place keeps everything except capabilities`;
}
