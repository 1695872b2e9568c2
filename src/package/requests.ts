/*
 * Who answers what a package's files ask for: the package itself, the system's base set, or neither.
 *
 * The loader's own rules decide (src/loader), with everything that belongs to this machine left out: no cache, no system
 * directories. A library is asked for on behalf of a program or an addon, whose DT_RPATH may be what finds the
 * library's own libraries; so each file is resolved as the start of a process, and a library's requests are taken from
 * the processes that it occurs in.
 */
import {dirname, isAbsolute, join, relative} from 'node:path';
import {ElfError} from '../errors.js';
import {attemptsOf} from '../loader/attempts.js';
import {Resolver} from '../loader/resolve.js';
import type {Root} from '../loader/root.js';
import type {Edge, Miss, ResolvedTree, TreeNode} from '../loader/tree.js';
import {withoutSlashesAtEnd} from '../source/slashes.js';
import {isWithin} from './package-files.js';
import {isBase} from './platforms.js';

/** A library that a file asks for, and where it comes from. */
export interface PackageRequest {
  readonly name: string;
  readonly from:
    | 'package'
    /** The system: the base set, and what the policy allows. */
    | 'platform'
    /** A directory outside of the package that its search path leads to: another package. */
    | 'other-package'
    | 'outside';
  /** The file in the package that answers, or the path outside where it was looked for or found. */
  readonly path: string | undefined;
  /** Whether a symbolic link leads there, which npm does not pack. */
  readonly throughLink: boolean;
  /**
   * The path by which alone a file of the package is found: absolute, or relative to the current directory. Elsewhere it leads
   * to nothing.
   */
  readonly byPath: string | undefined;
}

/** What the files of a package ask for, by their paths in it. */
interface RequestTable {
  readonly requests: ReadonlyMap<string, readonly PackageRequest[]>;
  /** Symbol versions that a library in the package does not define, in words, by the file that wants them. */
  readonly versionProblems: ReadonlyMap<string, readonly string[]>;
}

/** What decides where a request may be answered. */
interface RequestRules {
  /** Whether a library is the system's to provide. */
  isAllowed(name: string): boolean;
  /** Names of the packages that this one is installed with, without their scopes. */
  readonly dependencies: ReadonlySet<string>;
}

/**
 * Resolve all requests of a package's files.
 *
 * @param elfFiles paths in the directory; what no loader touches is passed over
 */
export function findRequests(
  directory: string,
  elfFiles: readonly string[],
  rules: RequestRules,
  root: Root,
): RequestTable {
  const resolver = new Resolver({inhibitDefaults: true, preloadFile: false}, root);
  const top = {root, directory, known: new Map()};
  const asOthers = new Map<string, Answers>();
  const table = new Map<string, PackageRequest[]>();
  const problems = new Map<string, Set<string>>();
  let edges = 0;
  for (const file of elfFiles) {
    // If libraries all ask for one another, each of their trees is as large as the package.
    const most = edges < mostEdges ? mostContexts : 1;
    if (isFull(asOthers.get(file), most)) {
      table.set(file, []);
      continue;
    }
    const tree = tryToResolve(resolver, join(directory, file));
    if (tree === undefined) continue;
    const alone = new Answers();
    alone.add(requestsOf(top, {tree, node: tree.nodes[0] as TreeNode}, rules));
    table.set(file, alone.requests);
    edges += tree.nodes.reduce((sum, node) => sum + node.edges.length, 0);
    addVersionProblems(problems, tree, top);
    for (const node of tree.nodes.slice(1)) {
      const inside = insidePath(top, node.path)?.path;
      if (inside === undefined || inside === file || isFull(asOthers.get(inside), most)) continue;
      const known = asOthers.get(inside) ?? new Answers();
      known.add(requestsOf(top, {tree, node}, rules));
      asOthers.set(inside, known);
    }
  }
  // A file that no other asks for starts its own process.
  for (const file of table.keys()) table.set(file, asOthers.get(file)?.requests ?? table.get(file) ?? []);
  const words = [...problems].map(([file, known]) => [file, [...known]] as const);
  return {requests: table, versionProblems: new Map(words)};
}

/** A package's directory, and how its files are reached. */
interface Top {
  readonly root: Root;
  readonly directory: string;
  /** What `insidePath` found out. */
  readonly known: Map<string, InsidePath | undefined>;
}

interface InsidePath {
  readonly path: string;
  readonly isLink: boolean;
}

function addVersionProblems(
  problems: Map<string, Set<string>>,
  {nodes, versionProblems}: ResolvedTree,
  top: Top,
): void {
  for (const {version, missingIn, requiredBy} of versionProblems) {
    const [library, file] = [nodes[missingIn], nodes[requiredBy]].map(
      (node) => node && insidePath(top, node.path)?.path,
    );
    if (library === undefined || file === undefined) continue;
    const known = problems.get(file) ?? new Set();
    problems.set(file, known.add(`requires ${version} of ${library}, which does not define it`));
  }
}

interface Context {
  readonly tree: ResolvedTree;
  readonly node: TreeNode;
}

/** A file that is damaged, or neither a program nor a library, makes no requests. */
function tryToResolve(resolver: Resolver, path: string): ResolvedTree | undefined {
  try {
    return resolver.resolve(path);
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

/** A library that thousands of files ask for is asked for in the same few ways. */
const mostContexts = 64;
/** After this many requests in total, only one process is considered for each file. No real package has so many. */
const mostEdges = 1 << 20;

function isFull(answers: Answers | undefined, most: number): boolean {
  return answers !== undefined && answers.contexts >= most;
}

/**
 * What one file asks for in the processes that it occurs in. One entry per name: what fails in one process fails for
 * its users.
 */
class Answers {
  readonly #byName = new Map<string, PackageRequest>();
  contexts = 0;

  add(requests: readonly PackageRequest[]): void {
    this.contexts += 1;
    for (const request of requests) {
      const known = this.#byName.get(request.name);
      if (known === undefined || rankOf(request) < rankOf(known)) this.#byName.set(request.name, request);
    }
  }

  get requests(): PackageRequest[] {
    return [...this.#byName.values()];
  }
}

const order: readonly PackageRequest['from'][] = ['outside', 'other-package', 'package', 'platform'];

/** The least is the worst. */
function rankOf({from, byPath}: PackageRequest): number {
  return 2 * order.indexOf(from) + (byPath === undefined ? 1 : 0);
}

function requestsOf(top: Top, {tree, node}: Context, rules: RequestRules): PackageRequest[] {
  const isProgram = tree.interpreter?.requested !== undefined;
  return node.edges
    .filter(({kind}) => kind === 'needed' || kind === 'filter')
    .map((edge) => {
      // Node.js has the base set in memory before it opens an addon, so the addon gets those, whatever is next to it.
      if (!isProgram && isBase(edge.name) && rules.isAllowed(edge.name)) return answer(edge.name, 'platform');
      return answerOf(top, tree, node, edge, rules);
    });
}

function answerOf(
  top: Top,
  tree: ResolvedTree,
  node: TreeNode,
  edge: Edge,
  rules: RequestRules,
): PackageRequest {
  const {name, to, reason} = edge;
  const found = to === undefined ? undefined : tree.nodes[to];
  // A packed program is in the package, and has the library in it.
  const isPacked = found?.reason.kind === 'inside';
  const inside = found && insidePath(top, isPacked ? node.path : found.path);
  if (found !== undefined && inside !== undefined) {
    const byPath = isPacked ? undefined : pathOfMachine(tree, edge, found.path);
    return {name, from: 'package', path: inside.path, throughLink: inside.isLink, byPath};
  }
  if (rules.isAllowed(name) || reason?.kind === 'interpreter') return answer(name, 'platform');
  const elsewhere = found?.path ?? placeOutside(top.directory, tree, node, name);
  const isSibling = elsewhere !== undefined && leadsOut(node, elsewhere) && isOfDependency(elsewhere, rules);
  return {...answer(name, isSibling ? 'other-package' : 'outside'), path: elsewhere};
}

function answer(name: string, from: PackageRequest['from']): PackageRequest {
  return {name, from, path: undefined, throughLink: false, byPath: undefined};
}

/** A path to a file of the package that no other machine has: the name itself, or an absolute element of a search path. */
function pathOfMachine({nodes}: ResolvedTree, {name, reason}: Edge, path: string): string | undefined {
  if (name.includes('/')) return originElement.test(name) ? undefined : name;
  if (reason?.kind !== 'rpath' && reason?.kind !== 'runpath') return undefined;
  const owner = nodes[reason.of];
  if (owner === undefined) return undefined;
  const directory = directoryOf(reason.directory);
  const isFixed = fixedDirectories(owner).has(directory) && !ownDirectories(owner).has(directory);
  return isFixed ? path : undefined;
}

/** A search path may have thousands of directories, and a file thousands of requests: a package's own has a few. */
const mostPlaces = 8;

function* take<T>(items: Iterable<T>, most: number): Generator<T> {
  let left = most;
  for (const item of items) {
    if (left-- === 0) return;
    yield item;
  }
}

/** The first place outside of the package, reached by $ORIGIN, where a missing library was looked for. */
function placeOutside(
  directory: string,
  tree: ResolvedTree,
  node: TreeNode,
  name: string,
): string | undefined {
  const miss = missesOf(tree).get(keyOf(node.index, name));
  const places = miss === undefined ? [] : [...take(attemptsOf(tree, miss), mostPlaces)];
  const normal = places.map(({path}) => join(path)).filter((path) => !isWithin(directory, path));
  return normal.find((path) => leadsOut(node, path)) ?? normal[0];
}

/** What was not found in a process, by who asks and for what. */
const missesOf = once(
  ({misses}: ResolvedTree): ReadonlyMap<string, Miss> =>
    new Map(misses.toReversed().map((miss) => [keyOf(miss.requestedBy, miss.name), miss])),
);

const keyOf = (requestedBy: number | undefined, name: string) => `${requestedBy} ${name}`;

/** Whether a path begins where one of the file's own $ORIGIN elements with `..` leads. */
function leadsOut(node: TreeNode, place: string): boolean {
  const ends = endsOutside(node);
  if (ends.size === 0) return false;
  for (let path = join(place); ; path = dirname(path)) {
    if (ends.has(path)) return true;
    if (path === dirname(path)) return false;
  }
}

/** The directories that those elements lead to. */
const endsOutside = once((node: TreeNode) =>
  directoriesOf(node, (element) => isOrigin(element) && element.includes('..')),
);

/** Where the absolute elements of a search path lead. */
const fixedDirectories = once((node: TreeNode) => directoriesOf(node, isAbsolute));

/** Where those lead that start at the file. */
const ownDirectories = once((node: TreeNode) => directoriesOf(node, isOrigin));

const isOrigin = (element: string) => originElement.test(element);

/** Where some elements of a search path lead. */
function directoriesOf(
  {runpath, rpath, path}: TreeNode,
  isMeant: (element: string) => boolean,
): ReadonlySet<string> {
  const origin = path.slice(0, path.lastIndexOf('/'));
  return new Set(
    (runpath ?? rpath ?? '')
      .split(':')
      .filter(isMeant)
      .map((element) => directoryOf(element.replace(originElement, () => origin))),
  );
}

function directoryOf(element: string): string {
  return withoutSlashesAtEnd(join(element)) || '/';
}

const originElement = /^\$(ORIGIN|\{ORIGIN\})(?=\/|$)/;

/** Work something out once for each object. */
function once<K extends object, V>(work: (of: K) => V): (of: K) => V {
  const known = new WeakMap<K, V>();
  return (of) => {
    const old = known.get(of);
    if (old !== undefined) return old;
    const value = work(of);
    known.set(of, value);
    return value;
  };
}

/** Package managers lay packages out in many ways, but a package's directory is named after it, without the scope. */
function isOfDependency(path: string, {dependencies}: RequestRules): boolean {
  return path.split('/').some((part) => dependencies.has(part));
}

/** Where a path leads in the package; undefined when it leads out of it. */
function insidePath(top: Top, path: string): InsidePath | undefined {
  const named = join(path);
  if (!top.known.has(named)) top.known.set(named, findInside(top, named));
  return top.known.get(named);
}

function findInside({root, directory}: Top, named: string): InsidePath | undefined {
  const there = root.resolve(named);
  if (!there.found || !isWithin(directory, there.inside)) return undefined;
  return {path: relative(directory, there.inside), isLink: isAbsolute(named) && there.inside !== named};
}
