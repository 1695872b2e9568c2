/*
 * Pack a program: resolve, plan, write, prove.
 */
import {type Stats, statSync} from 'node:fs';
import {posix} from 'node:path';
import {isQemuTarget} from '../elf/machine.js';
import type {PackedContents} from '../elf/packed.js';
import {ElfView} from '../elf/view.js';
import {ElfError, systemError} from '../errors.js';
import {type Author, requireOpenToAuthor, whyNotRun} from '../loader/author.js';
import {type DlopenLevel, dlopenOption, refuseUnopenable} from '../loader/dlopen-needs.js';
import {alwaysNeeded, refuseMisses, whereIn} from '../loader/missing.js';
import {pathOfProgram, resolveProgram} from '../loader/named-program.js';
import {OpenRoot} from '../loader/open-root.js';
import {Resolver} from '../loader/resolve.js';
import type {ResolvedTree, TreeNode} from '../loader/tree.js';
import {type FileSource, fileSource} from '../source/file.js';
import {hashOf} from '../source/hash.js';
import type {OnProgress} from '../source/progress.js';
import {type Listing, listLoaded} from './listing.js';
import {whyNotListed} from './may-list.js';
import type {PackPlan} from './plan.js';
import {planPack} from './plan-pack.js';
import {provePacked} from './prove.js';
import type {PartRequest} from './request.js';
import {type Packing, writePacked} from './write-packed.js';

/** What goes into a packed file, and where it goes. */
export interface PackOptions {
  /** The packed file. One that is there already is replaced. */
  readonly output: string;
  /** Take program and libraries from this root; the program's path is inside it. */
  readonly root?: string | undefined;
  /** Directories to look for libraries in first, in the format of LD_LIBRARY_PATH. */
  readonly libraryPath?: string | undefined;
  /** Libraries to pack besides those that are asked for, such as plugins; names, or paths inside the root. */
  readonly libraries?: readonly string[] | undefined;
  /** Pack the libraries that files declare they open with dlopen(3), down to this priority. Default: recommended. */
  readonly dlopen?: DlopenLevel | undefined;
  /** Whether the loader opens nothing but what is inside. Default: true for an emulator, `qemu-TARGET`. */
  readonly closed?: boolean | undefined;
  /** Whether the loader ignores LD_* variables, ld.so.preload and, unless it is packed alone, ld.so.cache. Default: true. */
  readonly isolate?: boolean | undefined;
  /** Pack only the loader; libraries are looked for as usual, in ld.so.cache too. */
  readonly loaderOnly?: boolean | undefined;
  /**
   * Whether the file always has the same addresses and is relocated for them: it starts faster, without ASLR. Default: true for
   * an emulator, `qemu-TARGET`.
   */
  readonly fixedAddress?: boolean | undefined;
  /** Record in the file where each part was taken from. */
  readonly recordSources?: boolean | undefined;
  /** Plan, and write nothing. */
  readonly dryRun?: boolean | undefined;
  /** Called with the file being read or copied, and how far along it is. */
  readonly onProgress?: OnProgress | undefined;
}

/** What was packed. */
export interface PackResult {
  readonly output: string;
  /** Undefined for a static program, which is copied as it is. */
  readonly contents: PackedContents | undefined;
  readonly plan: PackPlan | undefined;
  /** What the loader inside lists; undefined when it was not asked. */
  readonly listing: Listing | undefined;
  readonly notes: readonly string[];
}

/**
 * Pack a program, its loader and its libraries into one file that runs in any root and from any directory.
 *
 * x86-64 and aarch64. With glibc, everything goes inside; with musl, the loader, which must be the only library.
 *
 * @param program path, inside `root` if one is given
 * @throws ElfError NOT_FOUND for a library that is nowhere, NOT_CLOSED, what `planPack` throws, FILE_SYSTEM; nothing is
 *   written then
 * @example
 *   const {contents} = await packProgram('/usr/bin/qemu-arm', {output: 'qemu-arm-packed'});
 *   for (const {names, size} of contents?.parts ?? []) console.log(names[0], size);
 */
export async function packProgram(program: string, options: PackOptions): Promise<PackResult> {
  using root = OpenRoot.toCopyFrom(options.root);
  const settings = {
    ...(options.libraryPath !== undefined && {libraryPath: options.libraryPath}),
    ...(options.loaderOnly ? {} : dlopenOption(options.dlopen)),
    preloadFile: false,
  };
  const tree = resolve(pathOfProgram(root, program), new Resolver(settings, root), options);
  refusePacked(tree);
  if (tree.interpreter === undefined) return copyStatic(tree, root, options);
  return packTree(tree, root, options);
}

function resolve(path: string, resolver: Resolver, {libraries = []}: PackOptions): ResolvedTree {
  const tree = resolveProgram(resolver, path, [...libraries, alwaysNeeded]);
  // musl does not open it, and cannot be packed with a library.
  return tree.interpreter?.libc === 'musl' ? resolveProgram(resolver, path, libraries) : tree;
}

function packTree(tree: ResolvedTree, root: OpenRoot, options: PackOptions): PackResult {
  const notes = complaintsOf(tree, options);
  const nodes = options.loaderOnly ? tree.nodes.filter(isProgramOrLoader(tree)) : tree.nodes;
  refuseMuslLibraries(nodes, tree);
  const author = requireOpenToAuthor(nodes, root);
  const sources = openAll(nodes, tree, root);
  try {
    refuseInputs(options.output, sources);
    const parts = sources.map((source, i) => partOf(source, orderOf(nodes, tree)[i], tree, options));
    const [own, loader, ...libraries] = parts;
    if (own === undefined || loader === undefined) throw new ElfError('NOT_FOUND', 'no loader found');
    const emulates = isEmulator(own.names[0] ?? '');
    const {isolate, closed = emulates, fixedAddress = emulates && !options.loaderOnly} = options;
    const keepCache = options.loaderOnly;
    const plan = planPack({program: own, loader, libraries, closed, isolate, keepCache, fixedAddress});
    notes.push(...sources.slice(0, 1).flatMap(lostBits), ...plan.notes);
    const result = {output: options.output, contents: plan.contents, plan, notes};
    if (options.dryRun) return {...result, listing: undefined};
    const others = [loader, ...libraries].map(({view}) => view);
    const may = mayRun(tree, [own.view, ...others], author, root);
    const listing = writeAndProve(plan, sources, may, options);
    return {...result, listing};
  } finally {
    for (const source of sources) source.close();
  }
}

function writeAndProve(
  plan: PackPlan,
  sources: readonly FileSource[],
  mayRun: true | string | undefined,
  {output, onProgress, loaderOnly}: PackOptions,
): Listing | undefined {
  let listing: Listing | undefined;
  const prove = (file: string) => {
    if (loaderOnly) return;
    proveFile(file);
    if (mayRun === undefined) return;
    listing = mayRun === true ? listLoaded(file, plan.contents) : {kind: 'not-run', why: mayRun};
    if (listing.kind === 'failed')
      throw new ElfError('NOT_CLOSED', `the loader inside cannot load the packed program: ${listing.what}`);
  };
  writePacked(plan, sources, output, prove, onProgress);
  return listing;
}

/** Whether the loader inside is run, or why not; undefined for that of another root, which is not run here. */
function mayRun(
  {interpreter}: ResolvedTree,
  views: readonly [ElfView, ...ElfView[]],
  author: Author,
  root: OpenRoot,
): true | string | undefined {
  if (!root.isTrivial || interpreter === undefined) return undefined;
  return whyNotRun(author) ?? whyNotListed(interpreter, views, root) ?? true;
}

function proveFile(file: string): void {
  const source = fileSource(file);
  try {
    provePacked(new ElfView(source));
  } finally {
    source.close();
  }
}

/** The program, the loader, then the libraries in load order. */
function orderOf(nodes: readonly TreeNode[], {interpreter}: ResolvedTree): TreeNode[] {
  const isLoader = ({index}: TreeNode) => index === interpreter?.node;
  const [program, ...others] = nodes;
  return [
    ...(program === undefined ? [] : [program]),
    ...others.filter(isLoader),
    ...others.filter((node) => !isLoader(node)),
  ];
}

function isProgramOrLoader({interpreter}: ResolvedTree): (node: TreeNode) => boolean {
  return ({index}) => index === 0 || index === interpreter?.node;
}

function openAll(nodes: readonly TreeNode[], tree: ResolvedTree, root: OpenRoot): FileSource[] {
  const sources: FileSource[] = [];
  try {
    for (const {host} of orderOf(nodes, tree)) sources.push(root.source(host));
    return sources;
  } catch (error) {
    for (const source of sources) source.close();
    throw error;
  }
}

function partOf(
  source: FileSource,
  node: TreeNode | undefined,
  tree: ResolvedTree,
  {recordSources, onProgress}: PackOptions,
): PartRequest {
  if (node === undefined) throw new ElfError('NOT_FOUND', 'no such file', {path: source.path});
  return {
    view: new ElfView(source),
    names: node.index === 0 ? [posix.basename(node.path)] : namesOf(node, tree),
    sha256: hashOf(source, onProgress),
    mode: (source.stats.mode & 0o755) | 0o400,
    source: recordSources ? node.path : undefined,
  };
}

/** Every name by which a file is asked for, without directories, and its SONAME, by which others ask for it later. */
function namesOf(node: TreeNode, {nodes, interpreter}: ResolvedTree): string[] {
  const asked = nodes.flatMap(({edges}) => edges.filter(({to}) => to === node.index)).map(({name}) => name);
  const isLoader = interpreter?.node === node.index;
  const names = [
    ...asked,
    ...(node.soname === undefined ? [] : [node.soname]),
    ...(isLoader ? [node.path] : []),
  ];
  const plain = names.map((name) => posix.basename(name)).filter((name) => name !== '');
  return [...new Set(plain.length > 0 ? plain : [posix.basename(node.path)])];
}

/** What the tree lacks. @throws ElfError NOT_FOUND, NOT_CLOSED */
function complaintsOf(tree: ResolvedTree, {dlopen, loaderOnly}: PackOptions): string[] {
  const notes: string[] = [];
  const [program] = tree.nodes;
  if (program !== undefined) {
    refuseMisses(program, tree, tree.misses, notes);
    if (!loaderOnly) refuseUnopenable({program, tree, level: dlopen}, tree.nodes, notes);
  }
  const problem = tree.versionProblems[0];
  if (problem !== undefined) {
    throw new ElfError(
      'NOT_CLOSED',
      `the library does not define the symbol version ${problem.version}, which ${tree.nodes[problem.requiredBy]?.path} requires`,
      {
        path: tree.nodes[problem.missingIn]?.path,
        value: problem.version,
      },
    );
  }
  if (tree.interpreter?.node === undefined) {
    throw new ElfError('NOT_FOUND', `the loader ${tree.interpreter?.requested} was not found`, {
      path: program?.path,
    });
  }
  if (tree.interpreter.substituted) {
    const {requested, path} = tree.interpreter;
    notes.push(
      `${program?.path} asks for ${requested}, which is not ${whereIn(tree)}; using ${path} instead`,
    );
  }
  return notes;
}

/** The stub can serve only the loader of glibc. */
function refuseMuslLibraries([program, ...others]: readonly TreeNode[], {interpreter}: ResolvedTree): void {
  const library = others.find(({index}) => index !== interpreter?.node);
  if (interpreter?.libc !== 'musl' || library === undefined) return;
  throw new ElfError('UNSUPPORTED', 'a musl program with libraries cannot be packed', {
    path: program?.path,
    expected: 'a program that needs only the C library; or pack the loader only, or make a bundle',
    got: `it loads ${library.path}`,
  });
}

function refusePacked({packed, nodes}: ResolvedTree): void {
  if (packed === undefined) return;
  throw new ElfError('PACKED', 'the file is already packed: unpack it first', {
    path: nodes[0]?.path,
    expected: 'a program that is not packed',
  });
}

function refuseInputs(output: string, sources: readonly FileSource[]): void {
  const there = statOf(output);
  const same = sources.find(({stats}) => there?.ino === stats.ino && there.dev === stats.dev);
  if (same === undefined) return;
  throw new ElfError('CONFLICT', 'the output is also one of the files to pack', {
    path: output,
    got: same.path,
  });
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, {throwIfNoEntry: false});
  } catch (error) {
    throw systemError(path, error, 'cannot write');
  }
}

/** Not everything called qemu-* is an emulator: qemu-img and others are tools. */
function isEmulator(name: string): boolean {
  return name.startsWith('qemu-') && isQemuTarget(name.slice('qemu-'.length));
}

/** A static program already is what packing would produce, so it is copied. */
function copyStatic(
  tree: ResolvedTree,
  root: OpenRoot,
  {output, dryRun, onProgress}: PackOptions,
): PackResult {
  const [program] = tree.nodes;
  if (program === undefined) throw new ElfError('NOT_FOUND', 'no program specified');
  const notes = [
    `${program.path} is static and needs no packing: ${dryRun ? 'it would be' : 'it was'} copied unchanged`,
  ];
  const result = {output, contents: undefined, plan: undefined, listing: undefined, notes};
  requireOpenToAuthor([program], root);
  const source = root.source(program.host);
  try {
    refuseInputs(output, [source]);
    notes.push(...lostBits(source));
    if (!dryRun) writePacked(copyOf(source), [source], output, () => {}, onProgress);
    return result;
  } finally {
    source.close();
  }
}

/**
 * Set-ID bits of a program's file that its copy does not keep. Without group execute permission, the set-group-ID bit
 * is for locking.
 */
function lostBits({path, stats: {mode}}: FileSource): string[] {
  const bits = [
    ...((mode & 0o4000) !== 0 ? ['the set-user-ID bit'] : []),
    ...((mode & 0o2010) === 0o2010 ? ['the set-group-ID bit'] : []),
  ];
  return bits.length === 0 ? [] : [`the copy of ${path} does not keep ${bits.join(' and ')}`];
}

function copyOf(source: FileSource): Packing {
  const {size, path} = source;
  const {mode} = source.stats;
  return {
    size,
    pieces: [{part: 0, offset: 0, from: 0, size, what: path}],
    contents: {parts: [{size, mode, sha256: hashOf(source)}]},
  };
}
