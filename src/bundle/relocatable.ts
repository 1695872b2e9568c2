/*
 * A bundle that runs wherever it is moved: no path in it is absolute.
 *
 *   DIR/bin/curl          the program, its loader inside (pack, form 1), DT_RPATH -> $ORIGIN/../lib
 *   DIR/lib/libz.so.1     the libraries, without search paths of their own
 *
 * The kernel knows no `$ORIGIN` in PT_INTERP, so the loader cannot lie beside the program: it is packed into it. The
 * loader then finds the program by /proc/self/exe, which is real whatever links led to it. The directory is made in
 * a workspace beside its place and renamed, so it is there as a whole or not at all. As in any bundle, what is read and
 * where it goes is held by descriptor, for root may run this in a directory of somebody else's.
 */
import {chmodSync, lstatSync, renameSync} from 'node:fs';
import {posix} from 'node:path';
import {planEdit} from '../edit/plan-edit.js';
import {openElfSource} from '../elf/open.js';
import {ElfView} from '../elf/view.js';
import {ElfError, inWords, systemError} from '../errors.js';
import {requireOpenToAuthor} from '../loader/author.js';
import {HeldRoot} from '../loader/held-root.js';
import {Resolver} from '../loader/resolve.js';
import type {Root} from '../loader/root.js';
import type {ResolvedTree} from '../loader/tree.js';
import {planPack} from '../pack/plan-pack.js';
import {writePackedAt} from '../pack/write-packed.js';
import type {HeldDirectory} from '../source/held.js';
import {overlaySource} from '../source/overlay.js';
import {Place} from '../source/place.js';
import type {OnProgress} from '../source/progress.js';
import {absolutePath} from '../source/working-directory.js';
import {syncDirectory} from '../write/durable.js';
import {treeName, workspaceIn} from '../write/workspace.js';
import {type Content, contentOf} from './contents.js';
import {type DataFile, findDataFiles} from './data-files.js';
import {type BundleFile, contentOfFile} from './file-set.js';
import {alwaysNeeded, type BundlePlan, type Layout, planBundle} from './plan-bundle.js';
import {withTarget} from './target.js';
import {makeDirectories, stageFile} from './write-bundle.js';

/** What comes along in a relocatable bundle. */
export interface RelocatableOptions {
  /** The directory to make: one that does not exist, or is empty. */
  readonly into: string;
  /** Take programs and libraries from this root; their paths are inside it. */
  readonly root?: string | undefined;
  /** Libraries to carry along besides those that are asked for. */
  readonly library?: readonly string[] | undefined;
  /** Other files to carry along; targets are below the directory. */
  readonly files?: readonly DataFile[] | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** A file of a relocatable bundle. */
export interface RelocatableFile extends Content {
  /** Below the directory. */
  readonly path: string;
  /** What it was made of. */
  readonly source: string;
}

/** A relocatable bundle that was made. */
export interface RelocatableResult {
  /** Absolute. */
  readonly directory: string;
  readonly files: readonly RelocatableFile[];
  readonly notes: readonly string[];
}

/** A place-holder for the directory: everything in it is planned as below one. */
const layout: Layout = {prefix: '/bundle', libs: '/bundle/lib'};

/**
 * Bundle programs so that they run wherever the directory is moved or copied.
 *
 * @param programs paths, inside `root` if one is given
 * @throws ElfError NOT_FOUND, CONFLICT (something is there), NOT_CLOSED, OUTSIDE, CHANGED, FILE_SYSTEM, and what
 *   `planEdit` and `planPack` throw; nothing is written then
 * @example
 *   const {files} = await bundleRelocatable(['/usr/bin/xz'], {into: './xz'});
 *   console.log(files[0]?.path); // bin/xz
 */
export async function bundleRelocatable(
  programs: readonly string[],
  options: RelocatableOptions,
): Promise<RelocatableResult> {
  const directory = absolutePath(options.into);
  return withTarget(posix.dirname(directory), ({top: above}) => {
    const name = posix.basename(directory);
    refuseOccupied(above, name);
    using machine = new HeldRoot(undefined, {keep: true});
    using other = options.root === undefined ? undefined : HeldRoot.at(options.root, {keep: true});
    const from = {machine, root: other ?? machine};
    const prepared = inWords(directory, () => prepare(programs, from, options));
    const files = write(prepared, above, name, options.onProgress);
    return {directory, files, notes: prepared.plan.notes};
  });
}

function refuseOccupied(above: HeldDirectory, name: string): void {
  using directory = above.directory(name);
  const names = directory?.names() ?? [];
  if (names.length === 0) return;
  throw new ElfError('CONFLICT', 'the directory is not empty', {
    path: directory?.real,
    expected: 'an empty directory, or a new one',
    got: names.slice(0, 5).join(', '),
  });
}

/** Everything that is decided before anything is written. What was found is held by the root. */
interface Prepared {
  readonly root: Root;
  readonly trees: readonly ResolvedTree[];
  readonly plan: BundlePlan;
}

function prepare(
  programs: readonly string[],
  {machine, root}: {machine: HeldRoot; root: HeldRoot},
  options: RelocatableOptions,
): Prepared {
  const library = [...(options.library ?? []), alwaysNeeded];
  const resolver = new Resolver({library, preloadFile: false}, root);
  const trees = programs.map((program) => resolver.resolve(program));
  for (const {nodes} of trees) requireOpenToAuthor(nodes, root);
  const notes: string[] = [];
  const data = findDataFiles(root, options.files ?? [], layout, notes);
  const [isolate, shell, targetOf] = [true, undefined, () => null];
  const plan = planBundle(trees, {root, machine, layout, library, isolate, shell, targetOf, data});
  return {root, trees, plan: {...plan, notes: [...notes, ...plan.notes]}};
}

/** Write the bundle where nobody else can reach it, prove it there, and rename it to its place. */
function write(
  prepared: Prepared,
  above: HeldDirectory,
  name: string,
  onProgress: OnProgress = () => {},
): RelocatableFile[] {
  const real = posix.join(above.real, name);
  try {
    const workspace = workspaceIn(above);
    try {
      using top = workspace.makeTree();
      const files = prepared.plan.files
        .filter(({role}) => role !== 'loader')
        .map((file) => stage(file, prepared, top, onProgress));
      for (const {path} of files.filter((file) => file.path.startsWith('bin/'))) prove(workspace.held, path);
      moveIntoPlace(workspace.held, top, above, name);
      return files;
    } finally {
      workspace.remove();
    }
  } catch (error) {
    throw systemError(real, error, 'cannot write');
  }
}

/** Make a file of the plan at its place below the directory. */
function stage(
  file: BundleFile,
  prepared: Prepared,
  top: HeldDirectory,
  onProgress: OnProgress,
): RelocatableFile {
  const {role, source, plan, linkTo} = file;
  if (file.content !== undefined)
    throw new ElfError('UNSUPPORTED', 'musl needs a file at a fixed place', {path: source});
  const below = file.path.slice(layout.prefix.length);
  const path = role === 'program' ? posix.join('/bin', below) : below;
  using directory = makeDirectories(top, posix.dirname(path));
  const name = posix.basename(path);
  const tree = prepared.trees.find(({nodes}) => nodes[0]?.identity === file.identity);
  if (role === 'program' && tree !== undefined && plan !== undefined) {
    using place = new Place(directory.again(), name);
    writeProgram(file, tree, prepared.root, place, onProgress);
    return {path: path.slice(1), source, ...contentOf(place.open(path))};
  }
  const original = prepared.plan.files.find((other) => other.path === linkTo);
  const content = contentOfFile(original ?? file, onProgress);
  const mapped = linkTo === undefined ? file : {...file, linkTo: linkTo.slice(layout.prefix.length)};
  stageFile(mapped, directory.at(name), top, content, onProgress);
  return {path: path.slice(1), source, ...content};
}

/** The program, edited to look for its libraries beside it, with the loader inside. */
function writeProgram(
  {source, from}: BundleFile,
  tree: ResolvedTree,
  root: Root,
  place: Place,
  onProgress: OnProgress,
): void {
  const loaderNode = tree.nodes[tree.interpreter?.node ?? -1];
  if (loaderNode === undefined) throw new ElfError('NOT_FOUND', 'no loader found', {path: source});
  const original = openElfSource(from.source(source));
  const loader = openElfSource(root.source(loaderNode.host));
  try {
    const plan = planEdit(original.view, {rpath: '$ORIGIN/../lib'});
    const edited = new ElfView(overlaySource(original.view.source, plan.writes, plan.outputSize));
    const {sha256, mode} = contentOf(from.source(source), plan);
    const loaderContent = contentOf(root.source(loaderNode.host));
    const packed = planPack({
      program: {view: edited, names: [place.name], sha256, mode},
      loader: {view: loader.view, names: [posix.basename(loaderNode.path)], ...loaderContent},
      libraries: [],
    });
    writePackedAt(packed, [edited.source, loader.view.source], place, () => {}, onProgress);
  } finally {
    void original.close();
    void loader.close();
  }
}

/** Everything that a program asks for is in the directory: the workspace, as a root, has nothing else. */
function prove(workspace: HeldDirectory, path: string): void {
  using root = new HeldRoot(workspace.again());
  const {nodes, misses} = new Resolver({preloadFile: false}, root).resolve(`/${treeName}/${path}`);
  const miss = misses.find(({optional}) => !optional);
  const stray = nodes.find((node) => node.host !== nodes[0]?.host && !node.path.startsWith(`/${treeName}/`));
  const what =
    miss === undefined ? stray && `${stray.name} would come from ${stray.path}` : `${miss.name} is missing`;
  if (what !== undefined)
    throw new ElfError('NOT_CLOSED', `the bundle is not self-contained: ${what}`, {path});
}

function moveIntoPlace(
  workspace: HeldDirectory,
  top: HeldDirectory,
  above: HeldDirectory,
  name: string,
): void {
  chmodSync(top.path, 0o755);
  // An empty directory gives way to another in one step (rename(2)).
  renameSync(workspace.at(treeName), above.at(name));
  syncDirectory(above.path);
  const [made, now] = [top.stats, lstatSync(above.at(name), {throwIfNoEntry: false})];
  if (now?.ino === made.ino && now.dev === made.dev) return;
  throw new ElfError('CHANGED', 'written, but another process replaced the result immediately', {
    path: posix.join(above.real, name),
  });
}
