/*
 * Where a replacement file is prepared: a directory beside the target, so that the rename stays inside one file system,
 * with mode 0700, so that no one else can open a file before it has its owner and mode.
 *
 * The directory that it is in may belong to another user. own-directory.ts holds it open, so it does not matter if it
 * moves: only we can create, replace or remove a name in it.
 *
 * The files in it are called 3, 4 and so on; attributes.ts says why. A whole directory that is made ready is called
 * `elfinterp-tree`, and what an edit in place writes over is in `elfinterp-undo-1-...` and so on (undo-record.ts). The
 * workspace's name tells the process that made it, and a later run in the same place removes what a killed one left
 * behind (stale-workspaces.ts): only what has the file `elfinterp-workspace`, which is made first and removed last. The
 * name alone proves nothing, since the owner of the directory could give it to any directory of root's.
 */
import {constants, mkdirSync, openSync, renameSync, rmdirSync, unlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {closeQuietly} from '../source/descriptor.js';
import type {DirFd} from '../source/dir-fd.js';
import {findDirectory, type Place} from '../source/place.js';
import {isPrivate, makeOwnDirectory} from './own-directory.js';
import {ownIdentity} from './process-identity.js';
import {removeTree} from './remove-tree.js';
import {type Found, removeStale, requireWhole} from './stale-workspaces.js';
import {
  baseOfUndo,
  firstNumber,
  markName,
  mostFiles,
  treeName,
  undoName,
  workspacePrefix,
} from './workspace-names.js';

/** One private directory. */
export class Workspace {
  readonly #parent: DirFd;
  readonly #name: string;
  readonly directory: DirFd;
  #next = firstNumber;
  readonly #undos: string[] = [];
  readonly #kept = new Set<string>();
  #hasTree = false;

  /** @throws ElfError UNSUPPORTED if it would not be private, or an error of the system */
  constructor(parent: DirFd) {
    this.#parent = parent.dup();
    try {
      const prefix = `${workspacePrefix}-${ownIdentity()}-`;
      const {name, directory} = makeOwnDirectory(parent, prefix, makeMark);
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
  isFor({key}: DirFd): boolean {
    return this.#next < firstNumber + mostFiles && key === this.#parent.key;
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
  createUndo(): UndoFile {
    const {O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW} = constants;
    const {directory} = this;
    const name = undoName(this.#undos.length + 1, ownIdentity());
    const fd = openSync(directory.at(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    this.#undos.push(name);
    const keep = () => {
      this.#kept.add(name);
      attempt(() => renameSync(directory.at(name), directory.at(baseOfUndo(name))));
    };
    return {workspace: directory, fd, keep};
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
    for (const name of this.#undos)
      isClear = !this.#kept.has(name) && attempt(() => removeFile(this.directory.at(name))) && isClear;
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

/** A file for the record of what is written over. */
export interface UndoFile {
  readonly workspace: DirFd;
  readonly fd: number;
  /** Leave it to whoever edits a file here next. */
  readonly keep: () => void;
}

function makeMark(workspace: DirFd): void {
  closeQuietly(openSync(workspace.at(markName), 'wx', 0o600));
}

/** Make a private directory in another, for a whole tree. @throws ElfError as `Workspace` does */
export function workspaceIn(parent: DirFd): Workspace {
  removeStale(parent);
  return new Workspace(parent);
}

/** The workspaces of files that are changed together: one for each directory, or more for many files. */
export class Workspaces {
  readonly #made: Workspace[] = [];
  /** The directories in which none can be made, as `device:inode`, and why. */
  readonly #refused = new Map<string, unknown>();
  /** What interrupted edits left, by directory. */
  readonly #found = new Map<string, readonly Found[]>();

  /** Refuse a file that an interrupted edit in place left half written. @throws ElfError BUSY, CONFLICT, FILE_SYSTEM */
  requireWhole(place: Place): void {
    requireWhole(this.#clear(place.directory), place);
  }

  /** Make an empty file in a workspace beside a target. @throws ElfError UNSUPPORTED, or an error of the system */
  create(directory: DirFd): WorkFile {
    return this.#in(directory).create();
  }

  /** Make an empty file for a record beside a target; undefined where there is no room, or no privacy. */
  createUndo(directory: DirFd): UndoFile | undefined {
    try {
      const workspace = this.#in(directory);
      return workspace.isPrivate ? workspace.createUndo() : undefined;
    } catch {
      return undefined;
    }
  }

  #in(directory: DirFd): Workspace {
    const found = this.#made.find((one) => one.isFor(directory));
    if (found !== undefined) return found;
    const {key} = directory;
    if (this.#refused.has(key)) throw this.#refused.get(key);
    try {
      this.#clear(directory);
      const made = new Workspace(directory);
      this.#made.push(made);
      return made;
    } catch (error) {
      this.#refused.set(key, error);
      throw error;
    }
  }

  /** Remove what killed processes left in a directory, once. */
  #clear(directory: DirFd): readonly Found[] {
    const {key} = directory;
    const found = this.#found.get(key) ?? removeStale(directory);
    this.#found.set(key, found);
    return found;
  }

  /** As `create` does, or elsewhere if the user may not write beside the target. */
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
