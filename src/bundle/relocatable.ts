/*
 * A bundle that runs wherever it is moved: no path in it is absolute.
 *
 *   DIR/bin/curl          the program, its loader inside (pack, form 1), DT_RPATH -> $ORIGIN/../lib
 *   DIR/lib/libz.so.1     the libraries, without search paths of their own
 *
 * The kernel does not expand `$ORIGIN` in PT_INTERP, so the loader cannot be a separate file: it is packed into the
 * program. The loader then finds the program by /proc/self/exe, which is its real path whatever links led to it. The
 * directory is made in a workspace beside its final place and renamed, so it appears as a whole or not at all. As in
 * any bundle, the sources and the destination are held by descriptor, because root may run this in another user's
 * directory.
 */
import {chmodSync, chownSync, lstatSync, renameSync, type Stats, statSync} from 'node:fs';
import {posix} from 'node:path';
import {planEdit} from '../edit/plan-edit.js';
import {type ElfFile, openElfSource} from '../elf/open.js';
import {ElfView} from '../elf/view.js';
import {ElfError, inWords, printable, systemError} from '../errors.js';
import {type DlopenLevel, dlopenOption} from '../loader/dlopen-needs.js';
import {OpenRoot} from '../loader/open-root.js';
import {Resolver} from '../loader/resolve.js';
import {planPack} from '../pack/plan-pack.js';
import {writePackedAt} from '../pack/write-packed.js';
import type {DirFd} from '../source/dir-fd.js';
import {overlaySource} from '../source/overlay.js';
import {Place} from '../source/place.js';
import type {OnProgress} from '../source/progress.js';
import {absolutePath} from '../source/working-directory.js';
import {syncDirectory} from '../write/durable.js';
import {writtenBut} from '../write/transaction.js';
import {workspaceIn} from '../write/workspace.js';
import {treeName} from '../write/workspace-names.js';
import {type Content, contentOf} from './contents.js';
import {findData} from './data.js';
import {type DataFile, requirePlace} from './data-files.js';
import {FileResolver} from './file-resolver.js';
import {type BundleFile, contentOfFile} from './file-set.js';
import {levelsAmong} from './hwcaps.js';
import type {Layout} from './layout.js';
import type {LibcData, LibcDataRequest} from './libc-data/libc-data.js';
import type {ManifestFile} from './manifest.js';
import {type BundlePlan, planBundle} from './plan-bundle.js';
import {fromOrigin} from './plan-files.js';
import {rightsLeftBehind} from './privileges.js';
import {type BundleProgram, namedPrograms} from './programs.js';
import {findFileObstacle} from './prove-files.js';
import type {Roots} from './request.js';
import {resolvePrograms} from './resolve-programs.js';
import {withTarget} from './target.js';
import {makeDirectories, stageFile} from './write-bundle.js';

/** What comes along in a relocatable bundle. */
export interface RelocatableOptions extends LibcDataRequest {
  /** The directory to make. It must not exist yet or must be empty; an empty one is replaced. */
  readonly into: string;
  /** Take programs and libraries from this root; their paths are inside it. */
  readonly root?: string | undefined;
  /** Libraries to carry along besides those that are asked for. */
  readonly library?: readonly string[] | undefined;
  /** Bundle the libraries that files declare they open with dlopen(3), down to this priority. Default: recommended. */
  readonly dlopen?: DlopenLevel | undefined;
  /** Carry the variants of libraries for newer CPUs (glibc-hwcaps), too. Default: none. */
  readonly hwcaps?: 'all' | 'none' | undefined;
  /** Other files to carry along; targets are below the directory. */
  readonly files?: readonly DataFile[] | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** A file of a relocatable bundle. */
export interface RelocatableFile extends Content {
  /** Below the directory. */
  readonly path: string;
  /** What it was made from. */
  readonly source: string;
  /** For a data file: set for an ELF file that finds its libraries (and, for a program, its loader) in the bundle. */
  readonly resolved?: ManifestFile['resolved'];
}

/** A relocatable bundle that was made. */
export interface RelocatableResult {
  /** Absolute. */
  readonly directory: string;
  readonly files: readonly RelocatableFile[];
  /** Bundled directories that are empty; paths below the directory. */
  readonly directories: readonly string[];
  /** Variables to set when the programs are started, so that they find the data of their C library; below the directory. */
  readonly environment: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/** A placeholder for the directory: everything is planned as if it were there. */
const layout: Layout = {prefix: '/bundle', libs: '/bundle/lib'};

/** Make sure that a file goes to a place below the directory. */
function requireRelative({source, target = '.'}: BundleProgram | DataFile): void {
  const isRelative =
    target !== '' && !target.startsWith('/') && !/^\.\.(?:\/|$)/.test(posix.normalize(target));
  if (isRelative) return;
  throw new ElfError('BAD_REQUEST', `${source} cannot be put in this place`, {
    expected: 'a path below the directory, and relative to it',
    got: target,
    value: target,
  });
}

/**
 * Bundle programs so that they run wherever the directory is moved or copied.
 *
 * @param programs paths (inside `root` if one is given), or objects that also say where each one goes below the
 *   directory; default: `bin/NAME`
 * @throws ElfError BAD_REQUEST, NOT_FOUND, CONFLICT (something is there), NOT_CLOSED, OUTSIDE, CHANGED, FILE_SYSTEM, and what
 *   `planEdit` and `planPack` throw; nothing is written then
 * @example
 *   const {files} = await bundleRelocatable(['/usr/bin/xz'], {into: './xz'});
 *   console.log(files[0]?.path); // bin/xz
 */
export async function bundleRelocatable(
  programs: readonly (string | BundleProgram)[],
  options: RelocatableOptions,
): Promise<RelocatableResult> {
  const named = namedPrograms(programs);
  for (const file of [...named, ...(options.files ?? [])]) requireRelative(file);
  const directory = absolutePath(options.into);
  if (directory === '/') throw irreplaceable(directory, 'the root directory');
  return withTarget(posix.dirname(directory), ({top: above}) => {
    const name = posix.basename(directory);
    refuseOccupied(above, name);
    using machine = new OpenRoot(undefined, {keep: true});
    using other = options.root === undefined ? undefined : OpenRoot.at(options.root, {keep: true});
    const from = {machine, root: other ?? machine};
    const prepared = inWords(directory, () => prepare(named, from, options));
    const files = write(prepared, above, name, options.onProgress);
    const directories = prepared.plan.directories.map((path) => belowTop(path).slice(1));
    const {environment, plan} = prepared;
    return {directory, files, directories, environment, notes: plan.notes};
  });
}

function refuseOccupied(above: DirFd, name: string): void {
  using directory = above.directory(name);
  if (directory === undefined) return;
  const names = directory.names();
  const {dev, ino} = directory.stats;
  const here = statSync('.');
  if (dev !== above.stats.dev) throw irreplaceable(directory.real, 'a mount point');
  if (dev === here.dev && ino === here.ino) throw irreplaceable(directory.real, 'the working directory');
  if (names.length === 0) return;
  throw new ElfError('CONFLICT', 'the directory is not empty', {
    path: directory.real,
    expected: 'an empty directory, or a new one',
    got: names.slice(0, 5).join(', '),
  });
}

/** An existing directory is replaced by the new one: a process working in it would be left in a deleted directory. */
function irreplaceable(path: string, what: string): ElfError {
  return new ElfError('CONFLICT', `this is ${what}, which cannot be replaced as a whole`, {
    path,
    expected: `another directory, such as ${printable(posix.join(path, 'bundle'))}`,
  });
}

/** Everything that is decided before anything is written. The root keeps the files that were found open. */
interface Prepared {
  readonly environment: LibcData['environment'];
  readonly dlopen: DlopenLevel | undefined;
  readonly plan: BundlePlan;
}

function prepare(programs: readonly BundleProgram[], roots: Roots, options: RelocatableOptions): Prepared {
  const {root} = roots;
  const {trees, variants, resolver} = resolvePrograms(programs, options, root);
  const place = {root, layout, relocatable: true, kept: new Set<string>()};
  const {data, directories, environment, notes} = findData(trees, options, place);
  const plan = planBundle(trees, {
    ...roots,
    layout,
    fileResolver: new FileResolver(resolver, root),
    places: programs.map(({source, target = 'bin/'}) => requirePlace(source, target, layout)),
    isolate: true,
    shell: undefined,
    targetOf: () => null,
    data,
    directories,
    dlopen: options.dlopen,
    variants,
    relocatable: true,
  });
  return {
    dlopen: options.dlopen,
    environment,
    plan: {...plan, notes: [...notes, ...plan.notes, ...rightsLeftBehind(plan.files)]},
  };
}

/** Write the bundle where no one else can reach it, prove it there, and rename it to its place. */
function write(
  prepared: Prepared,
  above: DirFd,
  name: string,
  onProgress: OnProgress = () => {},
): RelocatableFile[] {
  const real = posix.join(above.real, name);
  try {
    const workspace = workspaceIn(above);
    try {
      using top = workspace.makeTree();
      const files: RelocatableFile[] = [];
      const made = new Map<string, Content>();
      for (const file of prepared.plan.files.filter(({role}) => role !== 'loader')) {
        const staged = stage(file, prepared, top, made, onProgress);
        made.set(file.path, staged);
        files.push(staged);
      }
      for (const path of prepared.plan.directories) makeDirectories(top, belowTop(path))[Symbol.dispose]();
      prove(workspace.directory, prepared);
      moveIntoPlace(workspace.directory, top, above, name);
      return files;
    } finally {
      workspace.remove();
    }
  } catch (error) {
    throw systemError(real, error, 'cannot write');
  }
}

/** Make a file of the plan at its place below the directory. @param made what was made before, by its planned path */
function stage(
  file: BundleFile,
  prepared: Prepared,
  top: DirFd,
  made: ReadonlyMap<string, Content>,
  onProgress: OnProgress,
): RelocatableFile {
  const {role, source, plan, linkTo, resolved} = file;
  const path = belowTop(file.path);
  const result = {path: path.slice(1), source, ...(resolved === undefined ? {} : {resolved})};
  using directory = makeDirectories(top, posix.dirname(path));
  const name = posix.basename(path);
  const {loader} = prepared.plan;
  const isProgram = (role === 'program' || resolved === 'program') && linkTo === undefined;
  if (isProgram && loader !== undefined && plan !== undefined) {
    using place = new Place(directory.dup(), name);
    writeProgram(file, loader, place, onProgress);
    return {...result, ...contentOf(place.open(path))};
  }
  const original = linkTo === undefined ? undefined : made.get(linkTo);
  const content = original ?? contentOfFile(file, onProgress);
  const mapped = linkTo === undefined ? file : {...file, linkTo: linkTo.slice(layout.prefix.length)};
  stageFile(mapped, directory.at(name), top, content, onProgress);
  const {sha256, size, mode} = content;
  return {...result, sha256, size, mode};
}

/** The path of a file below the directory; begins with a slash. */
function belowTop(path: string): string {
  return path.slice(layout.prefix.length);
}

/** The program, edited to look for its libraries beside it, with the loader inside. */
function writeProgram(
  {path, source, from, request}: BundleFile,
  loaderFile: BundleFile,
  place: Place,
  onProgress: OnProgress,
): void {
  const opened: ElfFile[] = [];
  const open = (file: Pick<BundleFile, 'from' | 'source'>) => {
    const elf = openElfSource(file.from.source(file.source));
    opened.push(elf);
    return elf;
  };
  try {
    const original = open({from, source});
    const loader = open(loaderFile);
    const plan = planEdit(original.view, {rpath: fromOrigin(posix.dirname(path), layout.libs), ...request});
    const edited = new ElfView(overlaySource(original.view.source, plan.writes, plan.outputSize));
    const {sha256, mode} = contentOf(from.source(source), plan);
    const loaderContent = contentOf(loaderFile.from.source(loaderFile.source));
    const loaderName = posix.basename(loaderFile.named ?? loaderFile.source);
    const packed = planPack({
      program: {view: edited, names: [place.name], sha256, mode},
      loader: {view: loader.view, names: [loaderName], ...loaderContent},
      libraries: [],
      keepDirectories: false,
    });
    writePackedAt(packed, [edited.source, loader.view.source], place, () => {}, onProgress);
  } finally {
    for (const file of opened) void file.close();
  }
}

/**
 * Prove that everything a program or module asks for is in the directory: the workspace, as a root, has nothing else.
 */
function prove(workspace: DirFd, {plan: {files}, dlopen}: Prepared): void {
  using root = new OpenRoot(workspace.dup());
  const prefix = `/${treeName}`;
  const placed = files.map((file) => {
    const resolved = file.role === 'program' ? 'program' : file.resolved;
    return {path: `${prefix}${belowTop(file.path)}`, role: file.role, resolved} as const;
  });
  const dynamic = files.find(({role, plan}) => role === 'program' && plan !== undefined);
  const paths = files.map(({path}) => path);
  for (const level of [undefined, ...levelsAmong(paths, layout.libs)]) {
    const hwcaps = level === undefined ? {} : {hwcaps: level};
    const resolver = new Resolver({...dlopenOption(dlopen), ...hwcaps, preloadFile: false}, root);
    const opener = dynamic && {path: `${prefix}${belowTop(dynamic.path)}`, resolver};
    const failure = findFileObstacle(resolver, placed, opener, prefix);
    if (failure === undefined) continue;
    throw new ElfError('NOT_CLOSED', `the bundle is not self-contained: ${failure.what}`, {
      path: failure.path.slice(prefix.length + 1),
    });
  }
}

function moveIntoPlace(workspace: DirFd, top: DirFd, above: DirFd, name: string): void {
  const mode = accessOf(top, above, name);
  // A directory that its owner may not write to cannot be moved.
  chmodSync(top.path, mode | 0o700);
  try {
    // rename(2) replaces an empty directory atomically.
    renameSync(workspace.at(treeName), above.at(name));
  } catch (error) {
    const isBusy = (error as NodeJS.ErrnoException).code === 'EBUSY';
    throw isBusy ? irreplaceable(posix.join(above.real, name), 'a mount point') : error;
  }
  chmodSync(top.path, mode);
  syncDirectory(above.path);
  const [made, now] = [top.stats, lstatSync(above.at(name), {throwIfNoEntry: false})];
  if (now?.ino === made.ino && now.dev === made.dev) return;
  throw writtenBut(posix.join(above.real, name), 'another process replaced the result immediately');
}

/**
 * If the empty directory to be replaced is ours, keep its access rights. One that another user put there is ignored.
 */
function accessOf(top: DirFd, above: DirFd, name: string): number {
  using old = above.directory(name);
  return old?.stats.uid === top.stats.uid ? modeLike(top, old.stats) : 0o755;
}

function modeLike(top: DirFd, old: Stats): number {
  const isSameGroup = old.gid === top.stats.gid || tryToGive(top, old);
  return old.mode & (isSameGroup ? 0o7777 : 0o1707);
}

/** Works only for a group that this user is in, and that is mapped in this namespace. */
function tryToGive({path}: DirFd, {uid, gid}: Stats): boolean {
  try {
    chownSync(path, uid, gid);
    return true;
  } catch {
    return false;
  }
}
