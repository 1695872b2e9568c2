/*
 * Files and directories held open by descriptor, so that nobody can swap them for others.
 *
 * Between checking a path and using it, the owner of a directory in it can swap that directory for a link: root,
 * working in a chroot that another user prepared, would then read, replace or delete a file of the host. The kernel's
 * answer is openat2(2) with RESOLVE_BENEATH, but Node has neither it nor openat(2). Paths through descriptors
 * (descriptor.ts) work just as well for open, lstat, mkdir, rename and unlink.
 *
 * There are two ways to get such a descriptor: descend one name at a time without following links (`DirFd.directory`),
 * or, if the real path is already known, open it and then ask the kernel where that is (`openPath`). Both open with
 * O_PATH, which does not start a device, automount the last name, or wait for a FIFO. Systems other than Linux have no
 * /proc/self/fd; there, paths are used as they are.
 */
import {isUtf8} from 'node:buffer';
import {
  type BigIntStats,
  chmodSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  type Stats,
} from 'node:fs';
import {dirname, join} from 'node:path';
import {ElfError, printable, systemError} from '../errors.js';
import {closeQuietly, descriptorPath, O_PATH} from './descriptor.js';
import {type FileSource, fileSource, notAFile} from './file.js';

/** Whatever was at a path when it was opened, held until it is closed. */
export class PathFd {
  /** The path that it had, for messages. */
  readonly real: string;
  readonly stats: Stats;
  /** Opened with O_PATH: good for fstat(2) and for passing to a child process. */
  readonly fd: number;
  #key: string | undefined;

  constructor(fd: number, real: string) {
    this.fd = fd;
    this.real = real;
    this.stats = statsOf(fd, real);
  }

  /** A path to the same thing, for calls that need a path and follow links. */
  get path(): string {
    return descriptorPath(this.fd, this.real);
  }

  /** Its device and inode, to compare with others: a number can be too small for an inode. */
  get key(): string {
    if (this.#key !== undefined) return this.#key;
    const {dev, ino} = this.bigStats;
    this.#key = `${dev}:${ino}`;
    return this.#key;
  }

  /** The stats with full-width device and inode numbers. @throws ElfError as for any system call */
  get bigStats(): BigIntStats {
    try {
      return fstatSync(this.fd, {bigint: true});
    } catch (error) {
      throw systemError(this.real, error, 'cannot read');
    }
  }

  /**
   * Open it for reading.
   *
   * @param name the path for messages
   * @throws ElfError NOT_A_FILE when it is not a regular file: nothing else is opened
   */
  source(name = this.real): FileSource {
    if (!this.stats.isFile()) throw notAFile(name, this.stats);
    return fileSource(this.path, name);
  }

  [Symbol.dispose](): void {
    closeQuietly(this.fd);
  }
}

/** The descriptor of a directory: operations on a name in it stay in it. */
export class DirFd extends PathFd {
  /** A path for calls that do not follow a link at its end: lstat, mkdir, rename, unlink, open with O_EXCL. */
  at(name: string): string {
    checkName(name);
    return join(this.path, name);
  }

  /** Open whatever has this name, even a link; undefined when nothing does. */
  openPath(name: string): PathFd | undefined {
    const fd = this.#open(name, 0);
    return fd === undefined ? undefined : new PathFd(fd, join(this.real, name));
  }

  /** Open a directory in it; undefined when there is none. @throws ElfError OUTSIDE for a link, or a file */
  directory(name: string): DirFd | undefined {
    const fd = this.#open(name, constants.O_DIRECTORY);
    return fd === undefined ? undefined : new DirFd(fd, join(this.real, name));
  }

  /** The same; undefined for a link or a file, too. */
  realDirectory(name: string): DirFd | undefined {
    try {
      return this.directory(name);
    } catch (error) {
      if (error instanceof ElfError && error.code === 'OUTSIDE') return undefined;
      throw error;
    }
  }

  /** Open a directory in it; create it when there is none. */
  make(name: string, mode = 0o755): DirFd {
    for (;;) {
      const there = this.directory(name);
      if (there !== undefined) return there;
      makeDirectory(this.at(name), join(this.real, name), mode);
    }
  }

  /**
   * Open the next step of a path: a directory as a `DirFd`, anything else as itself, even a link. A directory is tried
   * first, because that triggers an automount.
   *
   * @throws a system error
   */
  step(name: string): PathFd {
    const [path, real] = [this.at(name), join(this.real, name)];
    try {
      return new DirFd(openSync(path, O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY), real);
    } catch (error) {
      if (!['ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      return new PathFd(openSync(path, O_PATH | constants.O_NOFOLLOW), real);
    }
  }

  /**
   * Open a regular file in it; undefined when nothing is there.
   *
   * @param path the path for messages
   * @throws ElfError NOT_A_FILE for anything else
   */
  open(name: string, path?: string): FileSource | undefined {
    using entry = this.openPath(name);
    return entry?.source(path);
  }

  /** Open this directory a second time. @throws ElfError FILE_SYSTEM */
  dup(): DirFd {
    return this.#reach('.', this.real);
  }

  /** Open its parent directory; the root is its own parent. @throws ElfError FILE_SYSTEM */
  parent(): DirFd {
    return this.#reach('..', dirname(this.real));
  }

  /** Names in it, sorted. */
  names(): string[] {
    try {
      return readdirSync(this.path).sort();
    } catch (error) {
      throw systemError(this.real, error, 'cannot read');
    }
  }

  /**
   * Like `names`, for when every name must be exact. @throws ElfError UNSUPPORTED for a name that is not UTF-8, which
   * Node would alter
   */
  exactNames(): string[] {
    const names = this.names();
    // Node has replaced whatever is not UTF-8 with U+FFFD.
    const odd = names.find((name) => name.includes('\ufffd'));
    if (odd === undefined || readdirSync(this.path, {encoding: 'buffer'}).every((name) => isUtf8(name)))
      return names;
    throw new ElfError('UNSUPPORTED', 'the file name is not valid UTF-8', {path: join(this.real, odd)});
  }

  #reach(name: '.' | '..', real: string): DirFd {
    try {
      return new DirFd(openSync(`${this.path}/${name}`, O_PATH | constants.O_DIRECTORY), real);
    } catch (error) {
      throw systemError(real, error, 'cannot open');
    }
  }

  #open(name: string, flags: number): number | undefined {
    try {
      return openSync(this.at(name), O_PATH | constants.O_NOFOLLOW | flags);
    } catch (error) {
      const {code} = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      const real = join(this.real, name);
      if (code === 'ENOTDIR' || code === 'ELOOP') throw notOwn(real);
      throw systemError(real, error, 'cannot open');
    }
  }
}

/**
 * Open what is at a real path: absolute, without links.
 *
 * @throws ElfError CHANGED when the path led elsewhere, FILE_SYSTEM
 */
export function openPath(real: string): PathFd {
  return new PathFd(openReal(real, 0), real);
}

/**
 * Make a directory with this mode, whatever the umask. A directory that somebody else put there meanwhile keeps its own: it
 * may be a private one.
 *
 * @throws an error of the system
 */
export function makeWithMode(above: DirFd, name: string, mode: number): DirFd {
  const made = above.make(name, mode);
  try {
    if (made.stats.uid === process.geteuid?.() && made.names().length === 0) chmodSync(made.path, mode);
    return made;
  } catch (error) {
    made[Symbol.dispose]();
    throw error;
  }
}

/** Like `openPath`, for a directory. */
export function openDirectory(real: string): DirFd {
  return new DirFd(openReal(real, constants.O_DIRECTORY), real);
}

function openReal(real: string, flags: number): number {
  let fd: number;
  try {
    fd = openSync(real, O_PATH | constants.O_NOFOLLOW | flags);
  } catch (error) {
    throw systemError(real, error, 'cannot open');
  }
  const got = whereIs(fd, real);
  if (got === real) return fd;
  closeQuietly(fd);
  throw new ElfError('CHANGED', 'the path changed while it was being resolved', {
    path: real,
    expected: 'no directory in the path to be moved or replaced by a link',
    got: printable(got),
  });
}

function whereIs(fd: number, real: string): string {
  try {
    const path = descriptorPath(fd, real);
    return path === real ? real : readlinkSync(path);
  } catch (error) {
    closeQuietly(fd);
    throw systemError(real, error, 'cannot open');
  }
}

function statsOf(fd: number, real: string): Stats {
  try {
    return fstatSync(fd);
  } catch (error) {
    closeQuietly(fd);
    throw systemError(real, error, 'cannot open');
  }
}

function makeDirectory(path: string, real: string, mode: number): void {
  try {
    mkdirSync(path, {mode});
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw systemError(real, error, 'cannot create the directory');
  }
}

function notOwn(real: string): ElfError {
  const expected = 'a directory, not a symbolic link';
  return new ElfError('OUTSIDE', 'not a real directory', {path: real, expected});
}

/** Require a single name, so that only the directory itself decides where it leads. */
function checkName(name: string): void {
  if (name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)) return;
  throw new ElfError('OUTSIDE', 'not a file name', {expected: 'a name without a slash', got: name});
}
