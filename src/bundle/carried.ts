import {posix} from 'node:path';
import type {Root} from '../loader/root.js';
import type {BundleFile} from './file-set.js';

/** A search-path directory whose files are bundled. */
export interface CarriedDirectory {
  /** The real directory on this machine that the files are taken from. */
  readonly from: string;
  /** Its place in the bundle. */
  readonly to: string;
}

/** Where the data of a bundle comes from, and where it goes. */
export class Carried {
  readonly #root: Root;
  readonly #paths: ReadonlySet<string>;
  readonly #names: ReadonlySet<string>;
  readonly #directories: ReadonlySet<string>;
  readonly #targets = new Map<string, string>();
  readonly #byIdentity = new Map<string, string>();

  constructor(data: readonly BundleFile[], root: Root) {
    this.#root = root;
    this.#paths = new Set(data.map(({path}) => path));
    this.#names = new Set(data.map(({path}) => posix.basename(path)));
    this.#directories = new Set(data.map(({path}) => posix.dirname(path)));
    for (const {role, source, path, identity} of data.filter((file) => file.role === 'data')) {
      if (posix.basename(source) === posix.basename(path))
        setFirst(this.#targets, posix.dirname(source), posix.dirname(path));
      if (role === 'data') setFirst(this.#byIdentity, identity, path);
    }
  }

  has(path: string): boolean {
    return this.#paths.has(path);
  }

  /** Whether a file of that name is bundled, wherever it goes. */
  hasName(name: string): boolean {
    return this.#names.has(posix.basename(name));
  }

  /** Where a file goes, by its `device:inode`. */
  placeOf(identity: string): string | undefined {
    return this.#byIdentity.get(identity);
  }

  /**
   * The directories of a search path that are bundled, in order.
   *
   * @param list the search path as written in a file
   * @param origin the directory of that file, inside the root
   * @param place where that directory goes
   */
  directoriesOf(list: string, origin: string, place: string): CarriedDirectory[] {
    return list.split(':').flatMap((entry) => {
      const expanded = entry.replace(originToken, origin);
      const there = /^\/[^$]*$/.test(expanded) ? this.#root.resolve(expanded) : undefined;
      if (!there?.found || !there.stats.isDirectory()) return [];
      const beside = posix.resolve(entry.replace(originToken, place));
      const isBeside = originToken.test(entry) && this.#directories.has(beside);
      const to = isBeside ? beside : this.#targets.get(there.host);
      return to === undefined || /[:$]/.test(to) ? [] : [{from: there.host, to}];
    });
  }

  /** The entry for a directory inside the root, if it is one of those. */
  isOneOf(directories: readonly CarriedDirectory[], directory: string): CarriedDirectory | undefined {
    const there = this.#root.resolve(directory);
    return there.found ? directories.find(({from}) => from === there.host) : undefined;
  }
}

const originToken = /^\$(?:ORIGIN(?![A-Za-z0-9_])|\{ORIGIN\})/;

function setFirst(map: Map<string, string>, key: string, value: string): void {
  if (!map.has(key)) map.set(key, value);
}
