/*
 * A directory seen as `/`: path resolution as the kernel does it after chroot(2), without chroot.
 *
 * Every symlink is read and interpreted here: an absolute one starts again at the root, and `..` of the root is the
 * root. So no path leads outside, whatever its links say; bind mounts and hard links are not part of a path, and are
 * not detected. Limits are the kernel's (fs/namei.c): 40 links, PATH_MAX. The real `/` goes straight to the kernel.
 *
 * Between resolving and opening another user may swap a directory for a link. So what was found is opened by `source`
 * or `lend`, which make sure that it still is where it was found; the path itself is only good for messages.
 */
import {type BigIntStats, lstatSync, readdirSync, readlinkSync, realpathSync, statSync} from 'node:fs';
import {ElfError, systemError} from '../errors.js';
import {type DirFd, openDirectory, openPath} from '../source/dir-fd.js';
import {type FileSource, fileSource, notAFile} from '../source/file.js';
import {absolutePath, workingDirectory} from '../source/working-directory.js';

/** A path that leads to something. */
export interface Found {
  readonly found: true;
  /** The real path seen from inside: absolute, no link, no `.` or `..`. */
  readonly inside: string;
  /** The same file for this process. */
  readonly host: string;
  readonly stats: BigIntStats;
}

/** A path that does not. */
export interface NotFound {
  readonly found: false;
  /** What the kernel would say: ENOENT, ENOTDIR, ELOOP, EACCES, ENAMETOOLONG. */
  readonly code: string;
  /** The real path inside up to which it could be followed. */
  readonly reached: string;
  /** The components after that, not looked at. */
  readonly rest: readonly string[];
}

/** Where a path leads. */
export type Resolution = Found | NotFound;

/** How to look: with `follow: false`, a link at the end of the path is not followed, as in lstat(2). */
export interface ResolveOptions {
  readonly follow?: boolean;
}

export const mostLinks = 40;
export const longestPath = 4095;

/** A directory that is `/` for the paths inside it: links are followed as the kernel would after chroot(2). */
export class Root {
  /** The directory on this machine, real and absolute. */
  readonly host: string;
  #cwd: string | undefined;

  /** @throws ElfError FILE_SYSTEM when the directory cannot be entered */
  constructor(directory: string | DirFd = '/', cwd?: string) {
    this.host = typeof directory === 'string' ? realDirectory(directory) : directory.real;
    this.#cwd = cwd;
  }

  /** Where relative paths start, seen from inside. A caller without relative paths never needs it. */
  get cwd(): string {
    this.#cwd ??= this.isTrivial ? workingDirectory() : '/';
    return this.#cwd;
  }

  /** Whether this is the machine's own root. */
  get isTrivial(): boolean {
    return this.host === '/';
  }

  /** The host's name of a path that is real inside already. */
  hostPath(inside: string): string {
    return this.isTrivial ? inside : `${this.host}${inside === '/' ? '' : inside}`;
  }

  /** Follow a path to its end. */
  resolve(path: string, {follow = true}: ResolveOptions = {}): Resolution {
    if (path === '' || path.includes('\0'))
      return {found: false, code: 'ENOENT', reached: this.cwd, rest: [path]};
    const whole = this.absolute(path);
    if (path.length > longestPath) return {found: false, code: 'ENAMETOOLONG', reached: '/', rest: [whole]};
    return new Walk(this, whole).run(follow);
  }

  /**
   * Return only what is at a path, and the name by which this process can open it: cheaper than `resolve` if the root
   * is the machine's own, because the kernel does the walking.
   */
  lookUp(path: string): Pick<Found, 'found' | 'host' | 'stats'> | Pick<NotFound, 'found' | 'code'> {
    if (!this.isTrivial || path === '' || path.includes('\0')) return this.resolve(path);
    const host = this.absolute(path);
    try {
      const stats = statSync(host, {bigint: true, throwIfNoEntry: false});
      return stats === undefined ? absent : {found: true, host, stats};
    } catch (error) {
      return {found: false, code: codeOf(host, error)};
    }
  }

  /**
   * Open a regular file that was found; anything else is not opened at all.
   *
   * @throws ElfError NOT_A_FILE, FILE_SYSTEM, or CHANGED when it is somewhere else by now
   */
  source(host: string): FileSource {
    if (this.isTrivial) return fileSource(host);
    using entry = openPath(host);
    return entry.source();
  }

  /**
   * Hand a regular file that was found to a call that opens it by its path.
   *
   * @param call gets a path that leads to this file, whatever happens to the directories meanwhile
   * @throws ElfError as `source` does
   */
  lend<T>(host: string, call: (path: string) => T): T {
    if (this.isTrivial) return call(host);
    using entry = openPath(host);
    if (!entry.stats.isFile()) throw notAFile(host, entry.stats);
    try {
      return call(entry.path);
    } catch (error) {
      throw error instanceof ElfError && error.path === entry.path ? error.at(host) : error;
    }
  }

  /** The target of a link, given its real path inside. */
  readLink(inside: string): string {
    try {
      return readlinkSync(this.hostPath(inside));
    } catch (error) {
      throw systemError(this.hostPath(inside), error, 'cannot read');
    }
  }

  /** The names in a directory that was found. @throws ElfError FILE_SYSTEM, CHANGED */
  names(host: string): string[] {
    using entry = this.isTrivial ? undefined : openDirectory(host);
    try {
      return entry?.names() ?? readdirSync(host).sort();
    } catch (error) {
      throw systemError(host, error, 'cannot read');
    }
  }

  /** A path made absolute, with its `.` and `..` as they are: what they mean depends on the links before them. */
  absolute(path: string): string {
    if (path.startsWith('/')) return path;
    return this.cwd === '/' ? `/${path}` : `${this.cwd}/${path}`;
  }
}

/** How to name a path that was asked for and is not there: in another root, by where it would be on this machine. */
export function nameIn(root: Root, path: string): string {
  return root.isTrivial || path === '' ? path : root.hostPath(root.absolute(path));
}

const absent = {found: false, code: 'ENOENT'} as const;

function realDirectory(directory: string): string {
  try {
    const real = realpathSync(absolutePath(directory));
    statSync(`${real}/.`);
    return real;
  } catch (error) {
    throw systemError(directory, error);
  }
}

/** One walk along a path: `reached` is real, `pending` are the components still to go, the next one last. */
class Walk {
  readonly #root: Root;
  #reached = '/';
  #pending: string[];
  #links = 0;

  constructor(root: Root, path: string) {
    this.#root = root;
    this.#pending = path.split('/').reverse();
  }

  run(follow: boolean): Resolution {
    try {
      let stats = this.#lstat('/');
      for (let name = this.#pending.pop(); name !== undefined; name = this.#pending.pop()) {
        if (!stats.isDirectory()) return this.#stop('ENOTDIR', name);
        const next = step(this.#reached, name);
        const there = next === this.#reached ? stats : this.#lstatOf(next, name);
        if (typeof there === 'string') return this.#stop(there, name);
        if (there.isSymbolicLink() && (follow || this.#pending.length > 0)) {
          if (++this.#links > mostLinks) return this.#stop('ELOOP', name);
          stats = this.#enterLink(next);
        } else {
          this.#reached = next;
          stats = there;
        }
      }
      return {found: true, inside: this.#reached, host: this.#root.hostPath(this.#reached), stats};
    } catch (error) {
      return this.#stop(codeOf(this.#root.hostPath(this.#reached), error));
    }
  }

  #enterLink(link: string): BigIntStats {
    const target = readlinkSync(this.#root.hostPath(link));
    this.#pending.push(...target.split('/').reverse());
    if (target.startsWith('/')) this.#reached = '/';
    return this.#lstat(this.#reached);
  }

  #lstat(inside: string): BigIntStats {
    return lstatSync(this.#root.hostPath(inside), {bigint: true});
  }

  #lstatOf(inside: string, name: string): BigIntStats | string {
    if (name.length > 255 && Buffer.byteLength(name) > 255) return 'ENAMETOOLONG';
    return lstatSync(this.#root.hostPath(inside), {bigint: true, throwIfNoEntry: false}) ?? 'ENOENT';
  }

  #stop(code: string, name?: string): NotFound {
    const rest = [...(name === undefined ? [] : [name]), ...this.#pending.reverse()].filter(
      (part) => part !== '',
    );
    return {found: false, code, reached: this.#reached, rest};
  }
}

/** One component further; `.` and the empty one (as after a trailing slash) stay, `..` goes up. */
function step(reached: string, name: string): string {
  if (name === '' || name === '.') return reached;
  if (name === '..') return reached.slice(0, Math.max(1, reached.lastIndexOf('/'))) || '/';
  return reached === '/' ? `/${name}` : `${reached}/${name}`;
}

/** Errors that say nothing about what is at a path: whoever took them for a missing file would go on without it. */
const notOfPath: ReadonlySet<string> = new Set(['EIO', 'EMFILE', 'ENFILE', 'ENOMEM']);

/**
 * The error that a path gave, by its name.
 *
 * @throws ElfError FILE_SYSTEM for a failure of the machine or a limit, which is none of the path; what is not a system
 *   error
 */
export function codeOf(path: string, error: unknown): string {
  const {code} = error as NodeJS.ErrnoException;
  if (code === undefined || !code.startsWith('E')) throw error;
  if (notOfPath.has(code)) throw systemError(path, error, 'cannot read');
  return code;
}
