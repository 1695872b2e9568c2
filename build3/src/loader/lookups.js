/*
 * What was learned of a root's files, kept so that thousands of programs share it: a library's facts, what a
 * directory is, the cache, a loader's own facts. It is valid for one pass; a file that changes meanwhile is not
 * noticed, and no file stays open.
 */
import {ElfError} from '../errors.js';
import {readLdCache} from './ld-cache.js';
import {readLoaderFacts} from './loader-facts.js';
import {readObject, withSource} from './object.js';

/** No cache is longer than this; ldconfig's are some ten kilobytes. */
const longestCache = 1 << 26;
export class Lookups {
  root;
  #files = new Map();
  #objects = new Map();
  #directories = new Map();
  #caches = new Map();
  #loaders = new Map();
  #withVersions;
  constructor(root, withVersions) {
    this.root = root;
    this.#withVersions = withVersions;
  }
  /** What is at a path inside the root. */
  file(path) {
    let known = this.#files.get(path);
    if (known === undefined) {
      known = this.#lookUp(path);
      this.#files.set(path, known);
    }
    return known;
  }
  /** Whether there is a directory; the empty path is the current one. */
  isDirectory(path) {
    let known = this.#directories.get(path);
    if (known === undefined) {
      const there = this.root.lookUp(path === '' ? '.' : path);
      known = there.found && there.stats.isDirectory();
      this.#directories.set(path, known);
    }
    return known;
  }
  /** The cache at a path; empty where there is none that can be read. */
  cache(path, machine) {
    const key = `${machine.littleEndian}:${path}`;
    let known = this.#caches.get(key);
    if (known === undefined) {
      known = readLdCache(this.contents(path, longestCache) ?? new Uint8Array(), machine);
      this.#caches.set(key, known);
    }
    return known;
  }
  /** What a loader was built with. */
  loader(host, machine) {
    let known = this.#loaders.get(host);
    if (known === undefined) {
      known = withSource(this.root.source(host), (source) => readLoaderFacts(source, machine));
      this.#loaders.set(host, known);
    }
    return known;
  }
  /** The bytes of a regular file; undefined where there is none that can be read or it is too long. */
  contents(path, longest) {
    const there = this.root.lookUp(path);
    if (!there.found || !there.stats.isFile() || there.stats.size > longest) return undefined;
    try {
      return withSource(this.root.source(there.host), (source) => source.read(0, source.size));
    } catch (error) {
      if (error instanceof ElfError) return undefined;
      throw error;
    }
  }
  #lookUp(path) {
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
      const {code} = error.cause ?? {};
      if (code === undefined) throw error;
      return {kind: 'absent', code};
    }
  }
}
//# sourceMappingURL=lookups.js.map
