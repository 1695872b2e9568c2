/*
 * The directories of search paths, each looked at once. A program can name tens of thousands of libraries and as many
 * directories; to ask the kernel for each library in each directory would take minutes. So what a directory holds is
 * read once, when it is asked for often, and an index tells in which directories a name occurs at all.
 */
import {ElfError} from '../errors.js';
import type {Root} from './root.js';

/** A directory that exists. Two paths that lead to the same one lead to the same object. */
export interface Directory {
  /** The path by which this process can open it. */
  readonly host: string;
}

export class Directories {
  readonly #root: Root;
  readonly #byPath = new Map<string, Directory | string>();
  /** Why nothing can be in a directory, by its path without a slash at the end; undefined where it exists. */
  readonly #parents = new Map<string, string | undefined>();
  readonly #byIdentity = new Map<string, Directory>();
  /** Which of the directories that were listed hold a name. */
  readonly #holders = new Map<string, Directory[]>();
  readonly #listed = new Map<Directory, boolean>();

  constructor(root: Root) {
    this.#root = root;
  }

  /** The directory at a path inside the root, or the error code where there is none; the empty path is the current one. */
  at(path: string): Directory | string {
    let known = this.#byPath.get(path);
    if (known === undefined) {
      known = this.#lookUp(path);
      this.#byPath.set(path, known);
    }
    return known;
  }

  #lookUp(path: string): Directory | string {
    const unreachable = this.#whyNothingIn(parentOf(path));
    if (unreachable !== undefined) return unreachable;
    const there = this.#root.lookUp(path === '' ? '.' : path);
    if (!there.found) return there.code;
    if (!there.stats.isDirectory()) return 'ENOTDIR';
    const identity = `${there.stats.dev}:${there.stats.ino}`;
    const directory = this.#byIdentity.get(identity) ?? {host: there.host};
    this.#byIdentity.set(identity, directory);
    return directory;
  }

  /** What is in no directory need not be looked up: search paths have many neighbours. */
  #whyNothingIn(path: string | undefined): string | undefined {
    if (path === undefined) return undefined;
    if (!this.#parents.has(path)) {
      const there = this.#root.lookUp(path);
      this.#parents.set(path, there.found ? undefined : there.code);
    }
    return this.#parents.get(path);
  }

  /** Read which names are in a directory, once. @returns whether that is known: not of one that may not be read */
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
        if (holders === undefined) this.#holders.set(key, [directory]);
        else holders.push(directory);
      }
      return true;
    } catch (error) {
      if (error instanceof ElfError) return false;
      throw error;
    }
  }

  /** Of the directories that were listed, those that hold a name, or one that differs in case only. */
  holders(name: string): readonly Directory[] {
    return this.#holders.get(indexKey(name)) ?? [];
  }
}

/** What a path lies in, by its text; undefined for what lies in the root or in the current directory. */
function parentOf(path: string): string | undefined {
  const end = path.endsWith('/') ? path.length - 1 : path.length;
  const slash = path.lastIndexOf('/', end - 1);
  return slash > 0 ? path.slice(0, slash) : undefined;
}

/** Some file systems do not tell upper case from lower: whether the file is there, the kernel decides. */
function indexKey(name: string): string {
  return name.toLowerCase();
}
