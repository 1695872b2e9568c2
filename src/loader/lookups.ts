/*
 * What is known about a root's files, kept so that thousands of programs can share it: the facts about libraries and
 * loaders, the directories, ld.so.cache. It is valid for one pass: a file that changes meanwhile goes unnoticed, and no
 * file stays open.
 */

import type {MachineFacts} from '../elf/machine.js';
import {ElfError} from '../errors.js';
import {Directories} from './directories.js';
import {type LdCache, readLdCache} from './ld-cache.js';
import {type LoaderFacts, readLoaderFacts} from './loader-facts.js';
import {type ObjectFile, readObject, withSource} from './object.js';
import {codeOf, type Root} from './root.js';

/** A regular file that could be read. */
export interface LookedUpFile {
  readonly kind: 'file';
  /** The path by which this process opens it. */
  readonly host: string;
  /** Device and inode: two paths with the same identity are one file. */
  readonly identity: string;
  readonly object: ObjectFile;
}

/** What is at a path. */
export type LookUp =
  | LookedUpFile
  | {readonly kind: 'absent'; readonly code: string}
  | {readonly kind: 'directory'}
  | {readonly kind: 'special'};

/** No cache is longer than this; ldconfig's are tens of kilobytes. */
const longestCache = 1 << 26;

export class Lookups {
  readonly root: Root;
  readonly directories: Directories;
  readonly #files = new Map<string, LookUp>();
  readonly #objects = new Map<string, ObjectFile>();
  readonly #caches = new Map<string, LdCache>();
  readonly #loaders = new Map<string, LoaderFacts>();

  readonly #withVersions: boolean;

  constructor(root: Root, withVersions: boolean) {
    this.root = root;
    this.directories = new Directories(root);
    this.#withVersions = withVersions;
  }

  /** What is at a path inside the root. */
  file(path: string): LookUp {
    let known = this.#files.get(path);
    if (known === undefined) {
      known = this.#lookUp(path);
      this.#files.set(path, known);
    }
    return known;
  }

  /** The cache at a path; empty where there is none that can be read. */
  cache(path: string, machine: MachineFacts): LdCache {
    const key = `${machine.littleEndian}:${path}`;
    let known = this.#caches.get(key);
    if (known === undefined) {
      known = readLdCache(this.contents(path, longestCache) ?? new Uint8Array(), machine);
      this.#caches.set(key, known);
    }
    return known;
  }

  /** What a loader was built with. */
  loader(host: string, machine: MachineFacts): LoaderFacts {
    let known = this.#loaders.get(host);
    if (known === undefined) {
      known = withSource(this.root.source(host), (source) => readLoaderFacts(source, machine));
      this.#loaders.set(host, known);
    }
    return known;
  }

  /** The bytes of a regular file; undefined if there is none, or it may not be read or is too long. */
  contents(path: string, longest: number): Uint8Array | undefined {
    const there = this.root.lookUp(path);
    if (!there.found || !there.stats.isFile() || there.stats.size > longest) return undefined;
    try {
      return withSource(this.root.source(there.host), (source) => source.read(0, source.size).slice());
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      systemCode(there.host, error);
      return undefined;
    }
  }

  #lookUp(path: string): LookUp {
    const there = this.root.lookUp(path);
    if (!there.found) return {kind: 'absent', code: there.code};
    const {host, stats} = there;
    if (stats.isDirectory()) return {kind: 'directory'};
    if (!stats.isFile()) return {kind: 'special'};
    const identity = `${stats.dev}:${stats.ino}`;
    try {
      const object = this.#objects.get(identity) ?? readObject(this.root.source(host), this.#withVersions);
      this.#objects.set(identity, object);
      return {kind: 'file', host, identity, object};
    } catch (error) {
      const code = systemCode(host, error as ElfError);
      if (code === undefined) throw error;
      return {kind: 'absent', code};
    }
  }
}

/** The system error that an error was made of, by its name; undefined if there is none. @throws as `codeOf` */
function systemCode(host: string, {cause}: {cause?: unknown}): string | undefined {
  return (cause as NodeJS.ErrnoException | undefined)?.code === undefined ? undefined : codeOf(host, cause);
}
