/*
 * A bundle that runs wherever it is moved: no path in it is absolute.
 *
 *   DIR/bin/curl          the program, its loader inside (pack, form 1), DT_RPATH -> $ORIGIN/../lib
 *   DIR/lib/libz.so.1     the libraries, without search paths of their own
 *
 * The kernel knows no `$ORIGIN` in PT_INTERP, so the loader cannot lie beside the program: it is packed into it. The
 * loader then finds the program by /proc/self/exe, which is real whatever links led to it. The directory is made beside
 * its place and renamed, so it is there as a whole or not at all.
 */
import {chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync} from 'node:fs';
import {basename, dirname, join, posix} from 'node:path';
import tmp from 'tmp';
import {planEdit} from '../edit/plan-edit.js';
import {openElfSource} from '../elf/open.js';
import {ElfView} from '../elf/view.js';
import {ElfError, systemError} from '../errors.js';
import {Resolver} from '../loader/resolve.js';
import {Root} from '../loader/root.js';
import type {ResolvedTree} from '../loader/tree.js';
import {planPack} from '../pack/plan-pack.js';
import {writePacked} from '../pack/write-packed.js';
import {fileSource} from '../source/file.js';
import {overlaySource} from '../source/overlay.js';
import type {OnProgress} from '../source/progress.js';
import {absolutePath} from '../source/working-directory.js';
import {syncDirectory} from '../write/durable.js';
import {workspacePrefix} from '../write/workspace.js';
import {type Content, contentOf, copyContent} from './contents.js';
import {type DataFile, findDataFiles} from './data-files.js';
import type {BundleFile} from './file-set.js';
import {alwaysNeeded, type Layout, planBundle} from './plan-bundle.js';

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
 * @throws ElfError NOT_FOUND, CONFLICT (something is there), NOT_CLOSED, FILE_SYSTEM, and what `planEdit` and `planPack`
 *   throw; nothing is written then
 * @example
 *   const {files} = await bundleRelocatable(['/usr/bin/xz'], {into: './xz'});
 *   console.log(files[0]?.path); // bin/xz
 */
export async function bundleRelocatable(
  programs: readonly string[],
  options: RelocatableOptions,
): Promise<RelocatableResult> {
  const directory = absolutePath(options.into);
  refuseOccupied(directory);
  const root = new Root(options.root);
  const library = [...(options.library ?? []), alwaysNeeded];
  const resolver = new Resolver({library, ...(options.root !== undefined && {root: options.root})});
  const trees = programs.map((program) => resolver.resolve(program));
  const data = findDataFiles(root, options.files ?? [], layout);
  const targetOf = () => null;
  const machine = new Root();
  const plan = planBundle(trees, {
    root,
    machine,
    layout,
    library,
    isolate: true,
    shell: undefined,
    targetOf,
    data,
  });
  const staging = makeStaging(directory);
  try {
    const files = plan.files
      .filter(({role}) => role !== 'loader')
      .map((file) => write(file, trees, root, staging, options.onProgress));
    for (const {path} of files.filter(({path}) => path.startsWith('bin/'))) prove(staging, path);
    moveIntoPlace(staging, directory);
    return {directory, files, notes: plan.notes};
  } catch (error) {
    rmSync(staging, {recursive: true, force: true});
    throw systemError(directory, error, 'cannot write');
  }
}

function refuseOccupied(directory: string): void {
  let names: string[] = [];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw systemError(directory, error, 'cannot read');
  }
  if (names.length === 0) return;
  throw new ElfError('CONFLICT', 'the directory is not empty', {
    path: directory,
    expected: 'an empty one, or none',
    got: names.slice(0, 5).join(', '),
  });
}

function makeStaging(directory: string): string {
  try {
    mkdirSync(dirname(directory), {recursive: true});
    const {name} = tmp.dirSync({
      tmpdir: dirname(directory),
      prefix: workspacePrefix,
      mode: 0o755,
      keep: true,
    });
    return name;
  } catch (error) {
    throw systemError(directory, error, 'cannot make the directory');
  }
}

/** Write a file of the plan at its place below the directory. */
function write(
  file: BundleFile,
  trees: readonly ResolvedTree[],
  root: Root,
  staging: string,
  onProgress: OnProgress | undefined,
): RelocatableFile {
  const below = file.path.slice(layout.prefix.length + 1);
  const path = file.role === 'program' ? posix.join('bin', below) : below;
  const place = join(staging, path);
  mkdirSync(dirname(place), {recursive: true, mode: 0o755});
  const tree = trees.find(({nodes}) => nodes[0]?.identity === file.identity);
  if (file.role === 'program' && tree !== undefined && file.plan !== undefined)
    writeProgram(file, tree, root, place, onProgress);
  else copy(file, place, onProgress);
  return {path, source: file.source, ...contentOf(fileSource(place))};
}

function copy({source, from, plan, content}: BundleFile, place: string, onProgress?: OnProgress): void {
  const fd = openSync(place, 'wx', 0o644);
  try {
    if (content !== undefined)
      throw new ElfError('UNSUPPORTED', 'musl needs a file at a fixed place', {path: source});
    const {mode} = copyContent(from.source(source), plan, fd, onProgress ?? (() => {}));
    chmodSync(place, mode);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The program, edited to look for its libraries beside it, with the loader inside. */
function writeProgram(
  {source, from}: BundleFile,
  tree: ResolvedTree,
  root: Root,
  place: string,
  onProgress: OnProgress | undefined,
): void {
  const loaderNode = tree.nodes[tree.interpreter?.node ?? -1];
  if (loaderNode === undefined) throw new ElfError('NOT_FOUND', 'there is no loader', {path: source});
  const original = openElfSource(from.source(source));
  const loader = openElfSource(root.source(loaderNode.host));
  try {
    const plan = planEdit(original.view, {rpath: '$ORIGIN/../lib'});
    const edited = new ElfView(overlaySource(original.view.source, plan.writes, plan.outputSize));
    const mode = contentOf(from.source(source)).mode;
    const {sha256} = contentOf(from.source(source), plan);
    const loaderContent = contentOf(root.source(loaderNode.host));
    const packed = planPack({
      program: {view: edited, names: [basename(place)], sha256, mode},
      loader: {
        view: loader.view,
        names: [basename(loaderNode.path)],
        sha256: loaderContent.sha256,
        mode: loaderContent.mode,
      },
      libraries: [],
    });
    writePacked(packed, [edited.source, loader.view.source], place, () => {}, onProgress);
    chmodSync(place, mode);
  } finally {
    void original.close();
    void loader.close();
  }
}

/** Everything that a program asks for is in the directory. */
function prove(staging: string, path: string): void {
  const program = join(staging, path);
  const {nodes, misses} = new Resolver().resolve(program);
  const miss = misses.find(({optional}) => !optional);
  const stray = nodes.find(({host}) => host !== nodes[0]?.host && !host.startsWith(`${staging}/`));
  const what =
    miss === undefined ? stray && `${stray.name} would come from ${stray.path}` : `${miss.name} is missing`;
  if (what !== undefined)
    throw new ElfError('NOT_CLOSED', `the bundle does not stand on its own: ${what}`, {path});
}

function moveIntoPlace(staging: string, directory: string): void {
  chmodSync(staging, 0o755);
  // An empty directory gives way to another in one step (rename(2)).
  renameSync(staging, directory);
  syncDirectory(dirname(directory));
}
