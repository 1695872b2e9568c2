/*
 * Where a replacement file is prepared: a directory beside the target, so that the rename stays inside one file system,
 * with mode 0700, so that no one else can open a file before it has its owner and mode.
 *
 * The directory that it is in may belong to another user. own-directory.ts holds it open, so it does not matter if it
 * moves: only we can create, replace or remove a name in it.
 *
 * The files in it are called 3, 4 and so on; attributes.ts says why. A whole directory that is made ready is called
 * `elfinterp-tree`, and what an edit in place writes over `elfinterp-undo-3` (undo-record.ts). The workspace's name tells the process that made it, and a later run in the same place removes what
 * a killed one left behind: only what has the file `elfinterp-workspace`, which is made first and removed last. The name
 * alone proves nothing, since the owner of the directory could give it to any directory of root's.
 */
import {constants, mkdirSync, openSync, rmdirSync, unlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {closeQuietly} from '../source/descriptor.js';
import type {DirFd} from '../source/dir-fd.js';
import {findDirectory} from '../source/place.js';
import {isPrivate, makeOwnDirectory, type OwnDirectory} from './own-directory.js';
import {identityPattern, isRunning, ownIdentity} from './process-identity.js';
import {removeTree} from './remove-tree.js';
import {undoRecorded} from './undo-record.js';

/** Names of workspaces begin with this; the identity of the process and random letters follow, each after a dash. */
export const workspacePrefix = '.elfinterp-edit';

/** The files of a workspace are named after descriptor numbers, which begin after those that every process has. */
const firstNumber = 3;
/** cp gets each of them as a descriptor. */
const mostFiles = 128;

/** The name of a whole directory in a workspace. */
export const treeName = 'elfinterp-tree';

/** Names of records of what an edit in place writes over begin like this; a number follows. */
const undoPrefix = 'elfinterp-undo-';

/** The empty file that marks a directory as a workspace. */
const markName = 'elfinterp-workspace';

/** One private directory. */
export class Workspace {
  readonly #parent: DirFd;
  readonly #name: string;
  readonly directory: DirFd;
  #next = firstNumber;
  readonly #undos: string[] = [];
  #hasTree = false;

  /** @throws ElfError UNSUPPORTED if it would not be private, or an error of the system */
  constructor(parent: DirFd) {
    this.#parent = parent.dup();
    try {
      const {name, directory} = makeMarked(parent);
      this.#name = name;
      this.directory = directory;
    } catch (error) {
      this.#parent[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether no one else can access its contents; false if the file system gives every directory the same mode. */
  get isPrivate(): boolean {
    return isPrivate(this.directory.stats);
  }

  /** Whether there is room for another file beside a target in this directory. */
  isFor({stats}: DirFd): boolean {
    const {ino, dev} = this.#parent.stats;
    return this.#next < firstNumber + mostFiles && stats.ino === ino && stats.dev === dev;
  }

  /** Create an empty file with mode 0600, open for reading and writing. @throws an error of the system */
  create(): WorkFile {
    const number = this.#next;
    const {O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW} = constants;
    const fd = openSync(this.path(number), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    this.#next += 1;
    return {workspace: this, number, fd};
  }

  /** Make an empty file for a record of what is written over. @throws an error of the system */
  createUndo(): number {
    const {O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW} = constants;
    const name = `${undoPrefix}${this.#undos.length + 1}`;
    const fd = openSync(this.directory.at(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    this.#undos.push(name);
    return fd;
  }

  /** Make a directory in it, to be filled and then renamed; until then, removing the workspace removes it too. */
  makeTree(): DirFd {
    mkdirSync(this.directory.at(treeName), 0o700);
    this.#hasTree = true;
    return this.directory.make(treeName);
  }

  /** The path of a file in it. */
  path(number: number): string {
    return this.directory.at(String(number));
  }

  /** Remove it with its remaining files. If something is in the way, a later run removes it. */
  remove(): void {
    let isClear = true;
    for (let number = firstNumber; number < this.#next; number++)
      isClear = attempt(() => removeFile(this.path(number))) && isClear;
    for (const name of this.#undos) isClear = attempt(() => removeFile(this.directory.at(name))) && isClear;
    if (this.#hasTree) isClear = attempt(() => removeTree(this.directory, treeName)) && isClear;
    if (isClear) attempt(() => unlinkSync(this.directory.at(markName)));
    this.directory[Symbol.dispose]();
    attempt(() => rmdirSync(this.#parent.at(this.#name)));
    this.#parent[Symbol.dispose]();
  }
}

/** A file in a workspace. */
export interface WorkFile {
  readonly workspace: Workspace;
  readonly number: number;
  readonly fd: number;
}

function makeMarked(parent: DirFd): OwnDirectory {
  const made = makeOwnDirectory(parent, `${workspacePrefix}-${ownIdentity()}-`);
  try {
    closeQuietly(openSync(made.directory.at(markName), 'wx', 0o600));
    return made;
  } catch (error) {
    made.directory[Symbol.dispose]();
    attempt(() => rmdirSync(parent.at(made.name)));
    throw error;
  }
}

/** Make a private directory in another, for a whole tree. @throws ElfError as `Workspace` does */
export function workspaceIn(parent: DirFd): Workspace {
  removeStale(parent);
  return new Workspace(parent);
}

/** The workspaces of files that are changed together: one for each directory, or more for many files. */
export class Workspaces {
  readonly #made: Workspace[] = [];

  /** Make an empty file in a workspace beside a target. @throws ElfError UNSUPPORTED, or an error of the system */
  create(directory: DirFd): WorkFile {
    return this.#in(directory).create();
  }

  /** Make an empty file for a record beside a target; undefined where there is no room. */
  createUndo(directory: DirFd): number | undefined {
    try {
      return this.#in(directory).createUndo();
    } catch {
      return undefined;
    }
  }

  #in(directory: DirFd): Workspace {
    const found = this.#made.find((one) => one.isFor(directory));
    if (found !== undefined) return found;
    const made = workspaceIn(directory);
    this.#made.push(made);
    return made;
  }

  /** The same, or elsewhere if the user may not write beside the target. */
  createAnywhere(directory: DirFd): WorkFile {
    try {
      return this.create(directory);
    } catch {
      using elsewhere = findDirectory(tmpdir());
      return this.create(elsewhere);
    }
  }

  /** Remove them all. */
  remove(): void {
    for (const workspace of this.#made) workspace.remove();
  }
}

/** Whether a name is that of a workspace. */
export function isWorkspaceName(name: string): boolean {
  return stale.test(name);
}

const stale = new RegExp(`^\\${workspacePrefix}-(${identityPattern})-\\w{6}$`);

/** In milliseconds, longer than any edit takes; for processes that cannot be identified here. */
const longestEdit = 24 * 60 * 60 * 1000;

/** Remove what killed processes left, and undo what they left half written. @returns the names of those files */
export function removeStale(directory: DirFd): string[] {
  const undone: string[] = [];
  for (const name of namesIn(directory)) {
    const owner = stale.exec(name)?.[1];
    if (owner === undefined) continue;
    const running = isRunning(owner);
    if (running === true) continue;
    attempt(() => {
      undone.push(...undoLeft(directory, name, running === 'unknown'));
      removeLeft(directory, name, running === 'unknown');
    });
  }
  return undone;
}

/** The same for writing bytes that are ready in memory. */
const longestWrite = 60 * 1000;

/** Undo what a process left half written. A record counts once: later the same bytes may be there for another reason. */
function undoLeft(directory: DirFd, name: string, onlyIfOld: boolean): string[] {
  using left = directory.directory(name);
  if (left === undefined || !isPrivate(left.stats)) return [];
  if (onlyIfOld && Date.now() - left.stats.ctimeMs < longestWrite) return [];
  const names = left.names();
  if (!isWorkspace(names)) return [];
  return names.filter(isUndoName).flatMap((one) => {
    const undone = undoRecorded(directory, left, one);
    unlinkSync(left.at(one));
    return undone ?? [];
  });
}

/** The names in a directory; none if it may not be read. */
function namesIn(directory: DirFd): string[] {
  try {
    return directory.names();
  } catch {
    return [];
  }
}

/**
 * Remove a workspace that a process left behind. An empty one was left before its mark was created, or after it was
 * removed.
 */
function removeLeft(directory: DirFd, name: string, onlyIfOld: boolean): void {
  using left = directory.directory(name);
  if (left === undefined || !isPrivate(left.stats)) return;
  if (onlyIfOld && Date.now() - left.stats.ctimeMs < longestEdit) return;
  const names = left.names();
  if (names.length > 0 && !isWorkspace(names)) return;
  for (const inside of names.filter((one) => one !== markName)) removeTree(left, inside);
  removeTree(left, markName);
  rmdirSync(directory.at(name));
}

/** Whether a directory has the mark, and nothing that a workspace cannot have. */
function isWorkspace(names: readonly string[]): boolean {
  const isKnown = (one: string) => one === markName || one === treeName || isNumber(one) || isUndoName(one);
  return names.includes(markName) && names.every(isKnown);
}

function isNumber(name: string): boolean {
  return /^[1-9]\d{0,2}$/.test(name) && Number(name) >= firstNumber && Number(name) < firstNumber + mostFiles;
}

function isUndoName(name: string): boolean {
  return name.startsWith(undoPrefix);
}

/** Remove a file; one that replaced its target is no longer here. */
function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Try to clean up; a later run retries what fails. @returns whether it succeeded */
function attempt(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    // The actual work is done, so this is not an error.
    return false;
  }
}
