/*
 * The libraries that a package lacks: where another root's loader finds them, with everything that they ask for.
 *
 * The loader of that root does the search, for a program that asks for the names and nothing else; the directories that
 * the package's own file would search come first, as in LD_LIBRARY_PATH.
 */
import {join} from 'node:path';
import type {ElfView} from '../../elf/view.js';
import {ElfError, printable} from '../../errors.js';
import {attemptsOf} from '../../loader/attempts.js';
import {Resolver} from '../../loader/resolve.js';
import type {Root} from '../../loader/root.js';
import {standardLoader} from '../../loader/standard-loader.js';
import type {Miss, ResolvedTree, TreeNode} from '../../loader/tree.js';
import type {Target} from '../libc.js';

/** A library of the root that the package will bring along. */
export interface FoundLibrary {
  /** Real path inside the root: what makes two requests one library. */
  readonly path: string;
  /** The path by which this process opens it. */
  readonly host: string;
  /** The name it goes by: its SONAME, else the name it was asked for by. */
  readonly name: string;
  /** What it asks for in turn: the name, and the path of the library that answers it; the system's are left out. */
  readonly needs: ReadonlyMap<string, string>;
  /** What it declares that it opens at run time. */
  readonly opens: readonly string[];
  readonly runpath: string | undefined;
  readonly rpath: string | undefined;
}

/** Libraries of a root, by their real paths in it. */
export class Libraries {
  readonly #root: Root;
  readonly #isPlatform: (name: string) => boolean;
  readonly #libraryPath: string | undefined;
  readonly found = new Map<string, FoundLibrary>();

  constructor(root: Root, isPlatform: (name: string) => boolean, libraryPath: string | undefined) {
    this.#root = root;
    this.#isPlatform = isPlatform;
    this.#libraryPath = libraryPath;
  }

  /**
   * Find libraries, with what they ask for.
   *
   * @param directories where the file that asks would look first, inside the root
   * @returns for each name the path of its library
   * @throws ElfError NOT_FOUND when one, or one that it needs, is not in the root
   */
  find(
    names: readonly string[],
    directories: readonly string[],
    {libc, machine}: Target,
    view: ElfView,
    file: string,
  ): Map<string, string> {
    const loader = this.#loaderFor(libc === 'musl' ? 'musl' : 'glibc', view, machine);
    const libraryPath = [this.#libraryPath, ...directories].filter((path) => path !== undefined).join(':');
    const options = {
      interpreter: loader,
      library: names,
      preloadFile: false,
      ...(libraryPath === '' ? {} : {libraryPath}),
    };
    const tree = new Resolver(options, this.#root).resolve(loader);
    const miss = tree.misses.find(({optional, name}) => !optional && !this.#isPlatform(name));
    if (miss !== undefined) throw notFound(miss, tree, file, this.#root);
    return this.#take(tree, names);
  }

  #loaderFor(libc: 'glibc' | 'musl', {header, format}: ElfView, machine: string): string {
    const {e_machine, e_flags} = header;
    const path = standardLoader(libc, {e_machine, e_flags, ...format});
    if (path !== undefined && this.#root.lookUp(path).found) return path;
    throw new ElfError('NOT_FOUND', `no loader of ${libc} for ${machine}`, {
      path: this.#root.host,
      expected: path ?? 'an architecture that it runs on',
    });
  }

  #take(tree: ResolvedTree, names: readonly string[]): Map<string, string> {
    const answers = new Map<string, string>();
    const queue: TreeNode[] = [];
    for (const {name, to} of tree.nodes[0]?.edges ?? []) {
      const node = to === undefined ? undefined : tree.nodes[to];
      if (node === undefined || !names.includes(name)) continue;
      answers.set(name, this.#pathOf(node));
      queue.push(node);
    }
    for (const node of queue) {
      if (this.found.has(this.#pathOf(node))) continue;
      const needs = new Map<string, string>();
      for (const {name, to, kind} of node.edges) {
        const other = to === undefined ? undefined : tree.nodes[to];
        if (other === undefined || kind !== 'needed' || this.#isPlatform(name) || to === 0) continue;
        needs.set(name, this.#pathOf(other));
        queue.push(other);
      }
      this.found.set(this.#pathOf(node), {
        path: this.#pathOf(node),
        host: this.#root.hostPath(this.#pathOf(node)),
        name: node.soname ?? node.name,
        needs,
        opens: node.dlopen.flatMap(({sonames}) => sonames[0] ?? []),
        runpath: node.runpath,
        rpath: node.rpath,
      });
    }
    return answers;
  }

  /** A library that two links lead to is one. */
  #pathOf({path}: TreeNode): string {
    const there = this.#root.resolve(path);
    return there.found ? there.inside : join(path);
  }
}

/** Enough to see where it should be. */
const mostPlaces = 8;

function notFound(miss: Miss, tree: ResolvedTree, file: string, root: Root): ElfError {
  const asker =
    miss.requestedBy === 0 || miss.requestedBy === undefined ? undefined : tree.nodes[miss.requestedBy];
  const by = asker === undefined ? '' : `, which ${asker.path} needs,`;
  const tried: string[] = [];
  for (const {path} of attemptsOf(tree, miss)) if (tried.push(path) === mostPlaces) break;
  const places = tried.join(', ');
  return new ElfError(
    'NOT_FOUND',
    `${printable(miss.name)}${printable(by)} is not in ${printable(root.host)}`,
    {
      path: file,
      expected: printable(places === '' ? 'the library in the root' : `one of ${places}`),
    },
  );
}
