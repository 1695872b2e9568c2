/*
 * Turn a path into a name in a directory that is held open: operations on that name stay in that directory, whatever
 * happens to the path. The path is walked here, one name at a time, because the kernel does not say whose links it
 * followed.
 *
 * Links are followed, with care. The owner of a directory can put a link there to a program that they may not write,
 * and wait for root to edit it. So root trusts a link only if it belongs to root or to the owner of its target. For
 * other users the rule is the kernel's protected_symlinks (proc_sys_fs(5)), which a walk like this would bypass: in a
 * sticky, world-writable directory, a user trusts only their own links and those of the directory's owner.
 */
import {type BigIntStats, constants, lstatSync, openSync, readlinkSync, type Stats, statSync} from 'node:fs';
import {join} from 'node:path';
import {ElfError, errnoError, systemError} from '../errors.js';
import {isOnProc, O_PATH} from './descriptor.js';
import {DirFd} from './dir-fd.js';
import {type FileSource, notAFile} from './file.js';

/** How a path is followed. */
export interface PlaceOptions {
  /** Whether to follow a link at the end of the path: true by default; false refuses it. */
  readonly follow?: boolean | undefined;
  /** Whether a dangling link is itself the place. */
  readonly orLink?: boolean | undefined;
}

/** The kernel's own limit (MAXSYMLINKS). */
const mostLinks = 40;

/** Where a path leads: a name in a directory that is held open. */
export class Place {
  readonly directory: DirFd;
  readonly name: string;
  /** Says what is wrong with the links that led here, given what they lead to. */
  readonly #doubt: (target: Stats) => ElfError | undefined;

  constructor(
    directory: DirFd,
    name: string,
    doubt: (target: Stats) => ElfError | undefined = () => undefined,
  ) {
    this.directory = directory;
    this.name = name;
    this.#doubt = doubt;
  }

  /** The real path, for messages. */
  get real(): string {
    return join(this.directory.real, this.name);
  }

  /** The path for calls that do not follow a link at its end. */
  get path(): string {
    return this.directory.at(this.name);
  }

  /** What is there now; undefined when nothing is. */
  look(): Stats | undefined {
    return lstatSync(this.path, {throwIfNoEntry: false});
  }

  /** Open the regular file there. @throws ElfError NOT_A_FILE, FILE_SYSTEM */
  open(path: string): FileSource {
    try {
      const source = this.directory.open(this.name, path);
      if (source === undefined) throw errnoError('ENOENT');
      return source;
    } catch (error) {
      throw error instanceof ElfError ? error.at(path) : systemError(path, error, 'cannot open');
    }
  }

  /**
   * Check that the links that led here may be trusted to change what is here, or to create it if nothing is.
   *
   * @throws ElfError UNTRUSTED_LINK
   */
  requireTrusted(target: Stats | undefined): void {
    const doubt = this.#doubt(target ?? this.directory.stats);
    if (doubt !== undefined) throw doubt;
  }

  [Symbol.dispose](): void {
    this.directory[Symbol.dispose]();
  }
}

/**
 * Follow a path to the place of a file, which need not exist. `requireTrusted` reports what is wrong with the links.
 *
 * @throws ElfError NOT_A_FILE when the path names a directory, FILE_SYSTEM
 */
export function findPlace(path: string, options: PlaceOptions = {}): Place {
  try {
    if (path === '' || path.includes('\0'))
      throw errnoError(path === '' ? 'ENOENT' : 'ERR_INVALID_ARG_VALUE');
    return new Walk().place(startOf(path), path, options);
  } catch (error) {
    throw error instanceof ElfError ? error.at(path) : systemError(path, error, 'cannot open');
  }
}

/** Open a directory, following any links. @throws ElfError FILE_SYSTEM */
export function findDirectory(path: string): DirFd {
  try {
    return new Walk().directory(startOf(path), path.split('/'));
  } catch (error) {
    throw error instanceof ElfError ? error.at(path) : systemError(path, error, 'cannot open');
  }
}

class Walk {
  #links = 0;
  /** What is wrong with the first untrusted link on the way. */
  #doubt: ElfError | undefined;

  /** @param from is given up */
  place(from: DirFd, path: string, options: PlaceOptions, links: readonly Link[] = []): Place {
    const names = path.split('/');
    const name = names.pop() ?? '';
    const directory = this.directory(from, names);
    try {
      if (name === '' || name === '.' || name === '..') throw notAFile(path, directory.stats);
      const link = readLink(directory, name);
      if (link === undefined) return this.#arrive(directory, name, links);
      if (options.follow === false) throw notFollowed(link);
      if (isNameless(link, directory)) throw notAFile(path, statSync(directory.at(name)));
      const place = this.#follow(link, directory, options, links);
      if (place === undefined) return this.#arrive(directory, name, links);
      directory[Symbol.dispose]();
      return place;
    } catch (error) {
      directory[Symbol.dispose]();
      throw error;
    }
  }

  #arrive(directory: DirFd, name: string, links: readonly Link[]): Place {
    const known = this.#doubt;
    const doubt = (target: Stats) => known ?? first(links.map((link) => link.doubt(target)));
    return new Place(directory, name, doubt);
  }

  /** Undefined if the link leads to nothing and is wanted itself. */
  #follow(link: Link, directory: DirFd, options: PlaceOptions, links: readonly Link[]): Place | undefined {
    try {
      const place = this.place(this.#startOf(link, directory), link.text, options, [...links, link]);
      if (!options.orLink || place.look() !== undefined) return place;
      place[Symbol.dispose]();
    } catch (error) {
      if (!options.orLink || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    return undefined;
  }

  /** @param from is given up */
  directory(from: DirFd, names: readonly string[]): DirFd {
    let here = from;
    for (const name of names.filter((one) => one !== '' && one !== '.')) {
      using above = here;
      here = this.#enter(above, name);
    }
    return here;
  }

  #enter(directory: DirFd, name: string): DirFd {
    if (name === '..') return directory.parent();
    const there = tryToOpen(directory.at(name), constants.O_NOFOLLOW);
    if (there !== undefined) return new DirFd(there, join(directory.real, name));
    const link = readLink(directory, name);
    if (link === undefined) throw errnoError('ENOTDIR');
    const jumped = isOnProc(directory.path) ? tryToOpen(directory.at(name), 0) : undefined;
    if (jumped !== undefined) return new DirFd(jumped, link.text);
    const target = this.directory(this.#startOf(link, directory), link.text.split('/'));
    this.#doubt ??= link.doubt(target.stats);
    return target;
  }

  #startOf(link: Link, directory: DirFd): DirFd {
    if (++this.#links > mostLinks) throw errnoError('ELOOP');
    return link.text.startsWith('/') ? startOf('/') : directory.dup();
  }
}

function startOf(path: string): DirFd {
  const isAbsolute = path.startsWith('/');
  const fd = openSync(isAbsolute ? '/' : '.', O_PATH | constants.O_DIRECTORY);
  return new DirFd(fd, isAbsolute ? '/' : workingDirectoryIfAny());
}

/** A deleted directory has no name, and nothing can be found in it. */
function workingDirectoryIfAny(): string {
  try {
    return process.cwd();
  } catch {
    return '.';
  }
}

/** Undefined for what is not a directory; a link is not one. */
function tryToOpen(path: string, flags: number): number | undefined {
  try {
    return openSync(path, O_PATH | constants.O_DIRECTORY | flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** A symbolic link, as it was in a directory. */
class Link {
  readonly text: string;
  readonly #path: string;
  readonly #owner: number;
  readonly #directory: Stats;

  constructor(text: string, path: string, owner: number, directory: Stats) {
    this.text = text;
    this.#path = path;
    this.#owner = owner;
    this.#directory = directory;
  }

  get path(): string {
    return this.#path;
  }

  /** What is wrong with following the link to its target, if anything. */
  doubt(target: Stats): ElfError | undefined {
    if (this.#isTrusted(target)) return undefined;
    return new ElfError('UNTRUSTED_LINK', `the symbolic link ${this.#path} is not followed`, {
      expected: 'a link owned by you or by the owner of its target; specify the file itself',
      got: `a link owned by user ${this.#owner} to a file owned by user ${target.uid}`,
      value: this.#path,
    });
  }

  #isTrusted(target: Stats): boolean {
    const user = process.geteuid?.();
    if (user === undefined || this.#owner === user) return true;
    if (user === 0) return this.#owner === target.uid;
    const isShared = (this.#directory.mode & stickyAndShared) === stickyAndShared;
    return !isShared || this.#owner === this.#directory.uid;
  }
}

/** What an open file has instead of a path if it is a pipe, a socket or the like (proc_pid_fd(5)). */
function isNameless({text}: Link, directory: DirFd): boolean {
  return /^\w+:/.test(text) && isOnProc(directory.path);
}

function first<T>(values: readonly (T | undefined)[]): T | undefined {
  return values.find((value) => value !== undefined);
}

/** S_ISVTX and S_IWOTH. */
const stickyAndShared = 0o1002;

/**
 * Read a link and its owner; undefined if it is not a link. Its owner cannot change its content, but another user could
 * swap two links in between. That changes the ctime, which a rename updates too. The ctime is as coarse as the kernel's
 * clock, so a link that has just changed is read again.
 */
function readLink(directory: DirFd, name: string): Link | undefined {
  const path = directory.at(name);
  for (let tries = 0; tries < mostTries; tries++) {
    const before = lstatSync(path, {bigint: true, throwIfNoEntry: false});
    if (!before?.isSymbolicLink()) return undefined;
    const text = readlinkSync(path);
    const after = lstatSync(path, {bigint: true, throwIfNoEntry: false});
    const isSettled = Math.abs(Date.now() - Number(before.ctimeMs)) > coarseness;
    if (after !== undefined && isSame(before, after) && (isSettled || !matters(before, directory)))
      return new Link(text, join(directory.real, name), Number(before.uid), directory.stats);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, coarseness);
  }
  throw new ElfError('CHANGED', 'the symbolic link keeps changing', {path: join(directory.real, name)});
}

const mostTries = 20;
/** In milliseconds: two ticks of a kernel with 100 ticks per second. */
const coarseness = 20;

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev && a.ctimeNs === b.ctimeNs;
}

/**
 * Whether a swap matters: only to root, and only for root's own links in directories where another user can move them.
 */
function matters({uid}: BigIntStats, {stats}: DirFd): boolean {
  return process.geteuid?.() === 0 && uid === 0n && (stats.uid !== 0 || (stats.mode & 0o022) !== 0);
}

function notFollowed({path}: Link): ElfError {
  return new ElfError('NOT_A_FILE', 'a symbolic link, which is not followed', {
    path,
    expected: 'a regular file',
  });
}
