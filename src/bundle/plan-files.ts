/*
 * ELF files among the data of a bundle: helpers below a directory, and modules that a program opens at run time.
 *
 * A program gets the loader and the search path of the bundle, like those that were asked for. A module finds its
 * libraries by the DT_RPATH of the program that opens it, unless it has a search path of its own: its own DT_RUNPATH
 * disables the program's DT_RPATH, and any search path could lead out of the bundle. So a file keeps only the bundled
 * directories of its search path, as DT_RPATH; a library that it finds there stays there, and any other goes into the
 * library directory.
 *
 * Which program opens a module is not known. We assume the first one in the bundle for which nothing is missing; a
 * library that cannot be found, but is bundled as a data file, is assumed to be already open in the program.
 */
import {posix} from 'node:path';
import type {EditRequest} from '../edit/request/request.js';
import {kindOf} from '../elf/kind.js';
import type {MachineFacts} from '../elf/machine.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {sameMachine} from '../loader/candidate.js';
import {type DlopenLevel, refuseUnopenable} from '../loader/dlopen-needs.js';
import {refuseMisses} from '../loader/missing.js';
import type {Miss, ResolvedTree, TreeNode} from '../loader/tree.js';
import type {FileSource} from '../source/file.js';
import {isElfMagic} from '../source/source.js';
import {Carried, type CarriedDirectory} from './carried.js';
import type {FileResolver} from './file-resolver.js';
import type {BundleFile, FileSet} from './file-set.js';
import {loaderName} from './layout.js';
import {addLibrary, type LibraryOptions, plainNames, planFor, withView} from './libraries.js';

/** What files are planned with. */
export interface FilesOptions extends LibraryOptions {
  readonly data: readonly BundleFile[];
  readonly fileResolver: FileResolver;
  /** Which of the libraries that files open with dlopen(3) the trees include. */
  readonly dlopen: DlopenLevel | undefined;
  /** Whether search paths begin with `$ORIGIN`. */
  readonly relocatable: boolean;
}

/**
 * Plan the data of a bundle, and add the libraries that ELF files in it ask for.
 *
 * @param trees the programs
 * @param files gets loader and libraries
 * @throws ElfError NOT_FOUND for a library that is nowhere, CONFLICT for two files under one name, OUTSIDE for one that
 *   the user who asks for it cannot read, and what `planEdit` throws
 */
export function planFiles(
  trees: readonly ResolvedTree[],
  options: FilesOptions,
  files: FileSet,
  notes: string[],
): BundleFile[] {
  const planner = new Planner(trees, options, files, notes);
  const planned = new Map<string, BundleFile>();
  for (const file of options.data) planned.set(file.path, planner.plan(file, planned));
  planner.sayWhatIsLeft();
  return [...planned.values()];
}

/** Messages for why an ELF file is copied unchanged. */
const reasons = {
  foreign: 'is for a different machine than the programs',
  damaged: 'looks like an ELF file but cannot be read as one',
  loader: 'uses a different loader than the programs',
  alone: 'is a module, but there is no dynamically linked program that could open it',
  refused: 'is not a module that the loader accepts',
};

type Reason = keyof typeof reasons;

class Planner {
  readonly #options: FilesOptions;
  readonly #files: FileSet;
  readonly #notes: string[];
  readonly #carried: Carried;
  readonly #left = new Map<Reason, string[]>();
  /** Programs that may open modules, by their paths in the root. */
  readonly #openers: string[];
  #machine: MachineFacts | undefined;

  constructor(trees: readonly ResolvedTree[], options: FilesOptions, files: FileSet, notes: string[]) {
    this.#options = options;
    this.#files = files;
    this.#notes = notes;
    this.#carried = new Carried(options.data, options.root);
    const dynamic = trees.filter(({interpreter, packed}) => interpreter !== undefined && !packed);
    const programs = dynamic.flatMap(({nodes: [program]}) => (program === undefined ? [] : [program]));
    this.#openers = programs.map(({path}) => path);
    const [first] = programs;
    this.#machine = first && withView(options.root.source(first.host), machineFacts);
  }

  /** @param planned what was planned before, by its place */
  plan(file: BundleFile, planned: ReadonlyMap<string, BundleFile>): BundleFile {
    if (file.role !== 'data' || file.content !== undefined || file.resolve !== true) return file;
    const original = file.linkTo === undefined ? undefined : planned.get(file.linkTo);
    const isBeside = original && posix.dirname(original.path) === posix.dirname(file.path);
    // A hard link in another directory needs a different path to the libraries.
    if (original !== undefined && (isBeside || original.plan === undefined))
      return {...file, resolved: original.resolved};
    const {linkTo: _, ...own} = file;
    return this.#planOwn(own);
  }

  /** Add notes about the ELF files that are copied unchanged. */
  sayWhatIsLeft(): void {
    for (const [reason, [first, ...others]] of this.#left) {
      const more =
        others.length > 0 ? `, and so ${others.length === 1 ? 'is' : 'are'} ${others.length} more` : '';
      this.#notes.push(`${first} ${reasons[reason]}: it is copied unchanged${more}`);
    }
  }

  #planOwn(file: BundleFile): BundleFile {
    const {kind, machine} = look(this.#options.root.source(file.source));
    if (kind === 'other') return file;
    if (kind === 'damaged') return this.#leave(file, 'damaged');
    this.#machine ??= kind === 'program' ? machine : undefined;
    if (this.#machine !== undefined && machine !== undefined && !sameMachine(machine, this.#machine))
      return this.#leave(file, 'foreign');
    return kind === 'program' ? this.#planProgram(file) : this.#planModule(file);
  }

  #planProgram(file: BundleFile): BundleFile {
    const {fileResolver, layout, root, relocatable} = this.#options;
    const tree = fileResolver.program(pathOf(file));
    const [program] = tree.nodes;
    if (program === undefined || !this.#hasLoader(tree)) return this.#leave(file, 'loader');
    const part: Part = {tree, top: program, file};
    this.#requireAll(part, tree.nodes);
    this.#addLibraries(part, tree.nodes);
    this.#openers.push(program.path);
    const directory = posix.dirname(file.path);
    const libs = relocatable ? fromOrigin(directory, layout.libs) : layout.libs;
    const request = {
      rpath: [...this.#ownPath(part), libs].join(':'),
      ...plainNames(program, tree),
    };
    const interpreter = posix.join(layout.libs, loaderName);
    const plan = planFor(root.source(file.source), {interpreter, ...request});
    return {...file, plan, request, resolved: 'program'};
  }

  /**
   * Whether a program uses the loader of the bundle: all its programs share one loader, and the C library of the same
   * build.
   */
  #hasLoader({interpreter, nodes}: ResolvedTree): boolean {
    const loader = nodes[interpreter?.node ?? -1];
    const there = this.#files.get(posix.join(this.#options.layout.libs, loaderName));
    if (loader === undefined || interpreter?.substituted) return false;
    return there === undefined || there.identity === loader.identity;
  }

  #planModule(file: BundleFile): BundleFile {
    if (this.#openers.length === 0) return this.#leave(file, 'alone');
    const {part, nodes} = this.#resolveModule(file);
    if (part === undefined) return this.#leave(file, 'refused');
    this.#requireAll(part, nodes);
    this.#addLibraries(part, nodes);
    const {top, tree} = part;
    const own = this.#ownPath(part);
    const hasPath = top.rpath !== undefined || top.runpath !== undefined;
    const path = own.length > 0 ? {rpath: own.join(':')} : hasPath ? {removeRpath: true} : {};
    const request: EditRequest = {...path, ...plainNames(top, tree)};
    const isChanged = Object.keys(request).length > 0;
    const plan = isChanged ? planFor(this.#options.root.source(file.source), request) : undefined;
    return {...file, plan, resolved: 'module'};
  }

  /**
   * Resolve a module as if opened by the first program for which nothing is missing, else by the first that loads it at
   * all.
   */
  #resolveModule(file: BundleFile): {part?: Part; nodes: readonly TreeNode[]} {
    const first: {part?: Part; nodes: readonly TreeNode[]}[] = [];
    for (const opener of this.#openers) {
      const tree = this.#options.fileResolver.module(opener, pathOf(file));
      const top = tree.nodes.find(({identity}) => identity === file.identity);
      if (top === undefined) continue;
      const found = {part: {tree, top, file}, nodes: nodesBelow(tree, top)};
      if (this.#missesOf(found.part, found.nodes).length === 0) return found;
      if (first.length === 0) first.push(found);
    }
    return first[0] ?? {nodes: []};
  }

  #requireAll(part: Part, nodes: readonly TreeNode[]): void {
    this.#options.fileResolver.requireOpen(nodes);
    const {top, tree} = part;
    refuseMisses(top, tree, this.#missesOf(part, nodes), this.#notes);
    const hasName = (name: string) => this.#carried.hasName(name);
    refuseUnopenable({program: top, tree, level: this.#options.dlopen, hasName}, nodes, this.#notes);
  }

  /** What is missing and not bundled as a data file either. */
  #missesOf({tree}: Part, nodes: readonly TreeNode[]): Miss[] {
    const indices = new Set(nodes.map(({index}) => index));
    return tree.misses.filter(
      ({requestedBy, optional, name}) =>
        !optional && indices.has(requestedBy ?? 0) && !this.#carried.hasName(name),
    );
  }

  #addLibraries(part: Part, nodes: readonly TreeNode[]): void {
    const home = new Home(part, nodes, this.#carried);
    for (const node of nodes) {
      if (node !== part.top && !home.has(node))
        addLibrary(node, part.tree, this.#options, this.#files, this.#notes);
    }
  }

  /** What is left of a file's own search path. */
  #ownPath({top, file}: Part): string[] {
    const directory = posix.dirname(file.path);
    const own = ownDirectories(this.#carried, top, directory).map(({to}) => to);
    return [...new Set(own.map((to) => (this.#options.relocatable ? fromOrigin(directory, to) : to)))];
  }

  #leave(file: BundleFile, reason: Reason): BundleFile {
    const paths = this.#left.get(reason);
    if (paths === undefined) this.#left.set(reason, [pathOf(file)]);
    else paths.push(pathOf(file));
    return file;
  }
}

/** A file, and the process that it is part of. */
interface Part {
  readonly tree: ResolvedTree;
  readonly top: TreeNode;
  readonly file: BundleFile;
}

/** Knows which libraries of a file are found where they are bundled as data files. */
class Home {
  readonly #part: Part;
  readonly #nodes: ReadonlyMap<number, TreeNode>;
  readonly #carried: Carried;
  readonly #known = new Map<number, readonly CarriedDirectory[]>();

  /** @param nodes the file and its dependencies */
  constructor(part: Part, nodes: readonly TreeNode[], carried: Carried) {
    this.#part = part;
    this.#nodes = new Map(nodes.map((node) => [node.index, node]));
    this.#carried = carried;
  }

  has({reason, name, identity}: TreeNode): boolean {
    if (reason.kind !== 'rpath' && reason.kind !== 'runpath') return false;
    if (this.#carried.placeOf(identity) === undefined || reason.hwcaps !== undefined) return false;
    const directory = this.#carried.isOneOf(this.#directoriesOf(reason.of), reason.directory);
    return directory !== undefined && this.#carried.has(posix.join(directory.to, name));
  }

  /**
   * What is left of the search path of a file in the process; nothing, for a file that goes into the library directory.
   */
  #directoriesOf(index: number): readonly CarriedDirectory[] {
    const known = this.#known.get(index);
    if (known !== undefined) return known;
    const {top, file} = this.#part;
    const node = this.#nodes.get(index);
    const place =
      node === top ? file.path : node && this.has(node) ? this.#carried.placeOf(node.identity) : undefined;
    const directories =
      node === undefined || place === undefined
        ? []
        : ownDirectories(this.#carried, node, posix.dirname(place));
    this.#known.set(index, directories);
    return directories;
  }
}

/** The directories of a file's search path that are bundled. A DT_RPATH beside a DT_RUNPATH is ignored. */
function ownDirectories(carried: Carried, node: TreeNode, place: string): CarriedDirectory[] {
  const list = node.runpath ?? node.rpath ?? '';
  return carried.directoriesOf(list, posix.dirname(node.path), place);
}

/** A node and all its dependencies, in load order. */
function nodesBelow({nodes}: ResolvedTree, top: TreeNode): TreeNode[] {
  const seen = new Set([top]);
  for (const {edges} of seen) {
    for (const {to} of edges) {
      const node = to === undefined ? undefined : nodes[to];
      if (node !== undefined) seen.add(node);
    }
  }
  return [...seen].sort((a, b) => a.index - b.index);
}

/** The path by which a file was found; the links in it show who controls what is found there. */
function pathOf({named, source}: BundleFile): string {
  return named ?? source;
}

/** The entry of a search path that leads from a file's directory to another one. */
export function fromOrigin(directory: string, to: string): string {
  const way = posix.relative(directory, to);
  return way === '' ? '$ORIGIN' : `$ORIGIN/${way}`;
}

interface Look {
  readonly kind: 'program' | 'module' | 'damaged' | 'other';
  readonly machine?: MachineFacts;
}

/** Tell what a file is to a loader, and close it. */
function look(source: FileSource): Look {
  try {
    if (!isElfMagic(source.read(0, Math.min(4, source.size)))) {
      source.close();
      return {kind: 'other'};
    }
    return withView(source, (view) => ({kind: kindIn(view), machine: machineFacts(view)}));
  } catch (error) {
    if (error instanceof ElfError && error.code !== 'FILE_SYSTEM') return {kind: 'damaged'};
    throw error;
  }
}

function kindIn(view: ElfView): Look['kind'] {
  const kind = kindOf(view);
  if (kind === 'program' || kind === 'pie-program')
    return view.interpreter === undefined ? 'other' : 'program';
  return kind === 'shared-library' && view.dynamic !== undefined ? 'module' : 'other';
}

/** The header fields that decide whether a loader accepts a file. */
export function machineFacts({header: {e_machine, e_flags}, format}: ElfView): MachineFacts {
  return {e_machine, e_flags, ...format};
}
