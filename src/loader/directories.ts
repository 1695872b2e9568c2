/*
 * The directories of search paths, each looked at once. A program can name tens of thousands of libraries and as many
 * directories; asking the kernel for each library in each directory would take minutes. So a directory that is queried
 * often is listed once, and an index tells in which directories a name occurs at all.
 */
import {ElfError} from '../errors.js';
import type {Root} from './root.js';

/** A directory that exists. Two paths that lead to the same one lead to the same object. */
export interface Directory {
  /** The path by which this process can open it. */
  readonly host: string;
}

/** What is known of the content of a directory, and how often it was asked for. */
interface Parent {
  /** The directory, or the error code where there is none. */
  readonly directory: Directory | string;
  asked: number;
}

/** After this many questions about one directory, it is listed. */
const mostQuestions = 64;

export class Directories {
  readonly #root: Root;
  readonly #byPath = new Map<string, Directory | string>();
  readonly #parents = new Map<string, Parent>();
  readonly #byIdentity = new Map<string, Directory>();
  /** Which of the directories that were listed hold a name. */
  readonly #holders = new Map<string, Set<Directory>>();
  readonly #listed = new Map<Directory, boolean>();

  constructor(root: Root) {
    this.#root = root;
  }

  /** The directory at a path inside the root, or the error code where there is none; the empty path is the current one. */
  at(path: string): Directory | string {
    let known = this.#byPath.get(path);
    if (known === undefined) {
      known = this.#whyAbsent(path) ?? this.#lookUp(path);
      this.#byPath.set(path, known);
    }
    return known;
  }

  #lookUp(path: string): Directory | string {
    const there = this.#root.lookUp(path === '' ? '.' : path);
    if (!there.found) return there.code;
    if (!there.stats.isDirectory()) return 'ENOTDIR';
    const identity = `${there.stats.dev}:${there.stats.ino}`;
    const directory = this.#byIdentity.get(identity) ?? {host: there.host};
    this.#byIdentity.set(identity, directory);
    return directory;
  }

  /**
   * Why there is nothing at a path, if that is known without looking it up: many search paths share a parent directory,
   * which may be missing, or may be listed already.
   */
  #whyAbsent(path: string): string | undefined {
    const {parent, name} = split(path);
    if (parent === undefined) return undefined;
    const known = this.#parents.get(parent) ?? {directory: this.#lookUp(parent), asked: 0};
    this.#parents.set(parent, known);
    const {directory} = known;
    if (typeof directory === 'string') return directory;
    if (++known.asked <= mostQuestions || !isFileName(name) || !this.list(directory)) return undefined;
    return this.#holders.get(indexKey(name))?.has(directory) ? undefined : 'ENOENT';
  }

  /**
   * Read which names are in a directory, once. @returns whether they are known; false for a directory that cannot be
   * read
   */
  list(directory: Directory): boolean {
    let known = this.#listed.get(directory);
    if (known === undefined) {
      known = this.#read(directory);
      this.#listed.set(directory, known);
    }
    return known;
  }

  #read(directory: Directory): boolean {
    try {
      for (const name of this.#root.names(directory.host)) {
        const key = indexKey(name);
        const holders = this.#holders.get(key);
        if (holders === undefined) this.#holders.set(key, new Set([directory]));
        else holders.add(directory);
      }
      return true;
    } catch (error) {
      if (error instanceof ElfError) return false;
      throw error;
    }
  }

  /** The listed directories that have a name, or one that differs only in case. */
  holders(name: string): ReadonlySet<Directory> {
    return this.#holders.get(indexKey(name)) ?? nothing;
  }
}

const nothing: ReadonlySet<Directory> = new Set();

/** Some file systems ignore case, so the kernel decides whether the file is there. */
function indexKey(name: string): string {
  return name.toLowerCase();
}

/** Whether a name can be in a listing; for any other name the kernel is asked. */
export function isFileName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && name.length <= 255;
}

/** A path's last component, and the directory that contains it; that is undefined for the root and the current directory. */
function split(path: string): {parent: string | undefined; name: string} {
  const end = path.endsWith('/') ? path.length - 1 : path.length;
  const slash = path.lastIndexOf('/', end - 1);
  return {parent: slash > 0 ? path.slice(0, slash) : undefined, name: path.slice(slash + 1, end)};
}
