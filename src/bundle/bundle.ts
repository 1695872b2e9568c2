/*
 * Carry programs, their loader and their libraries to a place where they run together: resolve, plan, prove, write.
 */
import {posix} from 'node:path';
import {targetOfEmulatorName} from '../binfmt/targets.js';
import {ElfError, inWords} from '../errors.js';
import {type Author, requireOpenToAuthor, whyNotRun} from '../loader/author.js';
import {type DlopenLevel, dlopenedNames, dlopenOption} from '../loader/dlopen-needs.js';
import {enter, findOwn} from '../loader/inside.js';
import {alwaysNeeded, nameServices} from '../loader/missing.js';
import {pathOfProgram, resolveProgram} from '../loader/named-program.js';
import {OpenRoot} from '../loader/open-root.js';
import {Resolver, type ResolveTreeOptions} from '../loader/resolve.js';
import type {Root} from '../loader/root.js';
import type {ResolvedTree} from '../loader/tree.js';
import type {DirFd} from '../source/dir-fd.js';
import type {OnProgress} from '../source/progress.js';
import {together} from '../source/trust.js';
import {absolutePath} from '../source/working-directory.js';
import {version} from '../version.js';
import {type DataFile, findDataFiles, placeOf, requirePlace} from './data-files.js';
import {type Kept, keepEarlier} from './earlier.js';
import {FileResolver} from './file-resolver.js';
import {contentOfFile, generated} from './file-set.js';
import {refuseForeignFiles} from './foreign.js';
import {findVariants, levelsAmong} from './hwcaps.js';
import {isInPlace} from './in-place.js';
import {isolationOf} from './isolation.js';
import {isCopiedProgram, keepRights, requirePrivileged} from './keep-privileges.js';
import {type Layout, layoutOf} from './layout.js';
import {findLibcData, gconvIn, type LibcDataRequest} from './libc-data/libc-data.js';
import {withLock} from './lock.js';
import {formatManifest, type Manifest, type ManifestFile, manifestName, manifestPath} from './manifest.js';
import {readManifestFile, requireReadable} from './manifest-file.js';
import {type BundlePlan, planBundle} from './plan-bundle.js';
import {capabilitiesOf, rightsLeftBehind} from './privileges.js';
import {type BundleProgram, namedPrograms} from './programs.js';
import {proveClosed} from './prove.js';
import {testIsolation} from './self-test.js';
import {recover, settle} from './staging.js';
import {requireOwnDirectories, withTarget} from './target.js';
import {type Staged, writeBundle} from './write-bundle.js';

/** Where a bundle goes, and what comes along. */
export interface BundleOptions extends LibcDataRequest {
  /** The directory that will be `/` for the programs: the chroot. It is made when it does not exist. */
  readonly into: string;
  /**
   * Where the programs go, seen from inside. Default: `/debootstrap` for emulators of qemu-user, else `/opt/NAME` by the
   * name of the first program.
   */
  readonly prefix?: string | undefined;
  /** Name of the library directory under the prefix. Default: `qemu-libs` for emulators, else `lib`. */
  readonly libs?: string | undefined;
  /** Take programs and libraries from this root instead of the machine's own; the programs' paths are inside it. */
  readonly root?: string | undefined;
  /** Libraries to carry along besides those that are asked for. */
  readonly library?: readonly string[] | undefined;
  /** Carry what files declare that they open with dlopen(3), down to this priority. Default: recommended. */
  readonly dlopen?: DlopenLevel | undefined;
  /** Carry the variants of libraries for newer CPUs (glibc-hwcaps), too. Default: none. */
  readonly hwcaps?: 'all' | 'none' | undefined;
  /**
   * Keep the set-ID bits and file capabilities of programs that belong to root. Only root can ask for it, without
   * `isolate`, and for a place that no other user can change. Default: false.
   */
  readonly keepPrivileges?: boolean | undefined;
  /** Other files to carry along, for the programs to read. */
  readonly files?: readonly DataFile[] | undefined;
  /** Make the bundled loader ignore the guest's LD_* variables. Default: true. */
  readonly isolate?: boolean | undefined;
  /**
   * How programs are started: `interp` changes their PT_INTERP; `wrapper` leaves them as they are and puts a script
   * in their place, for programs that cannot be changed. Default: `interp`.
   */
  readonly launcher?: 'interp' | 'wrapper' | undefined;
  /** The static shell of this machine that runs the wrappers. */
  readonly shell?: string | undefined;
  /** The qemu-user target of programs that are not called `qemu-TARGET`. Default: they are no emulators. */
  readonly qemuTarget?: string | undefined;
  /** Fail when a program or a library asks for a symbol that nothing in the bundle defines. Default: false. */
  readonly symbols?: boolean | undefined;
  /** Record in the manifest where each file came from; it then depends on the machine. Default: false. */
  readonly recordSources?: boolean | undefined;
  /** Called before a bundle that is there already gives way to another one; it stays when this throws. */
  readonly beforeReplacing?: ((earlier: Manifest) => void) | undefined;
  /** Told which file is read or copied, and how far it is. */
  readonly onProgress?: OnProgress | undefined;
}

/** A file of a bundle, and where it came from. */
export interface BundledFile extends ManifestFile {
  /** A file of this machine; `generated` when there was none, `kept` for a file of the bundle that was there before. */
  readonly source: string;
}

/** What was bundled. */
export interface BundleResult {
  /** As it was written. */
  readonly manifest: Manifest;
  /** The files of the manifest, each with where it came from. */
  readonly files: readonly BundledFile[];
  /** The manifest's file on this machine. */
  readonly manifestPath: string;
  /** False when everything was there already. */
  readonly written: boolean;
  /** Whether the bundled loader ignores the guest's LD_* variables; undefined for static programs. */
  readonly isolated: boolean | undefined;
  /** Variables to set when the programs are started, so that they find the data of their C library. */
  readonly environment: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/**
 * Bundle programs so that they run with `into` as their root.
 *
 * A dynamic program is copied with PT_INTERP and DT_RPATH leading to the library directory, which gets its loader
 * and its libraries; a static one is copied as it is. Programs and data that an earlier bundle put under the same
 * prefix stay as they are, if they need the same libraries. The bundle is proved before it is moved into place.
 *
 * @param programs paths, inside `root` if one is given, or with a place for each
 * @throws ElfError BAD_REQUEST, NOT_FOUND, CONFLICT, CHANGED, NOT_CLOSED, OUTSIDE, FILE_SYSTEM, or what `planEdit` throws
 * @example
 *   const {files} = await bundle(['/usr/bin/qemu-arm'], {into: './chroot'});
 *   for (const {path, source} of files) console.log(path, source);
 */
export async function bundle(
  programs: readonly (string | BundleProgram)[],
  options: BundleOptions,
): Promise<BundleResult> {
  layoutOf(namedPrograms(programs), options);
  return withTarget(options.into, (target) => bundleAt(target, programs, options));
}

/** The same in a directory that is held. */
export function bundleAt(
  target: OpenRoot,
  wanted: readonly (string | BundleProgram)[],
  options: Omit<BundleOptions, 'into'>,
): BundleResult {
  const programs = namedPrograms(wanted);
  const layout = layoutOf(programs, options);
  const shell = shellOf(options);
  using machine = new OpenRoot(undefined, {keep: true});
  using other = options.root === undefined ? undefined : OpenRoot.at(options.root, {keep: true});
  const from = {machine, root: other ?? machine};
  return inWords(target.host, () => {
    requireOwnDirectories(target, [layout.prefix, layout.libs]);
    return bundleInto(target, programs, {...options, ...from, layout, shell});
  });
}

/** What is asked for, checked. */
interface Request extends Omit<BundleOptions, 'shell' | 'root' | 'into'> {
  readonly layout: Layout;
  readonly shell: string | undefined;
  /** The root that the programs are taken from. What is found in it is opened once and held. */
  readonly root: OpenRoot;
  /** This machine's. */
  readonly machine: OpenRoot;
}

function bundleInto(target: OpenRoot, programs: readonly BundleProgram[], request: Request): BundleResult {
  const {top} = target;
  settle(top);
  const prepared = tryToPrepare(programs, target, request);
  if (prepared !== undefined && isThere(target, prepared)) return resultOf(target, prepared, false);
  return withLock(top, () => {
    const stale = recover(top);
    // PathFd from here on, so that no other directory can be taken for the one that gives way.
    using libs = enter(top, request.layout.libs);
    const earlier = libs && readManifestIn(libs, request.layout);
    // Another run may have been faster.
    const isAsBefore = stale.length === 0 && textOf(earlier) === textOf(prepared?.earlier);
    const current =
      isAsBefore && prepared !== undefined ? prepared : prepare(programs, target, request, earlier);
    if (isThere(target, current)) return resultOf(target, current, false);
    refuseForeignFiles(top, earlier, current.manifest, libs);
    if (earlier !== undefined) request.beforeReplacing?.(earlier);
    return write(target, libs, current, request.onProgress);
  });
}

/** Undefined where another run takes away what would stay: only with the lock is it known what there is. */
function tryToPrepare(
  programs: readonly BundleProgram[],
  target: OpenRoot,
  request: Request,
): Prepared | undefined {
  try {
    return prepare(programs, target, request, readManifest(target, request.layout));
  } catch (error) {
    if (error instanceof ElfError && error.code === 'CHANGED') return undefined;
    throw error;
  }
}

/** Everything that is decided before anything is written. */
interface Prepared {
  readonly notes: readonly string[];
  readonly environment: BundleResult['environment'];
  readonly earlier: Manifest | undefined;
  readonly plan: BundlePlan;
  readonly manifest: Manifest;
  readonly files: readonly BundledFile[];
  /** Names of libraries that the programs do not ask for themselves. */
  readonly library: readonly string[];
  readonly symbols: boolean;
  /** Whether the programs are of this machine, so that their loader may be tried. */
  readonly native: boolean;
  /** Who says what comes along, unless it is root or this user. */
  readonly author: Author;
}

function prepare(
  programs: readonly BundleProgram[],
  target: OpenRoot,
  request: Request,
  earlier: Manifest | undefined,
): Prepared {
  const {layout, shell, root, machine, ...options} = request;
  const targetOf = targetsOf(programs, earlier, options.qemuTarget);
  const files = options.files ?? [];
  const settings = dlopenOption(options.dlopen);
  const {trees, library, resolver} = resolveAll(
    programs.map(({source}) => pathOfProgram(root, source)),
    {...settings, library: [...(options.library ?? []), alwaysNeeded]},
    root,
  );
  const resolverFor = (hwcaps: string) =>
    new Resolver({...settings, library, hwcaps, preloadFile: false}, root);
  const there = new Set(earlier?.files.map(({path}) => path));
  const hwcaps = options.hwcaps ?? (levelsAmong(there, layout.libs).length > 0 ? 'all' : 'none');
  const variants = hwcaps === 'all' ? findVariants(trees, root, resolverFor) : [];
  const resolved = [...trees, ...variants.map(({tree}) => tree)];
  const authors = resolved.map(({nodes}) => requireOpenToAuthor(nodes, root));
  const fileResolver = new FileResolver(resolver, root);
  const notes: string[] = [];
  const emulators = programs.every(({source}) => targetOf(posix.basename(source)) !== null);
  const libcData = findLibcData(trees, options, {root, layout, relocatable: false, emulators, kept: there});
  const places = programs.map(({source, target}) => requirePlace(source, target, layout));
  const wanted = [...files, ...libcData.files];
  const found = findDataFiles(root, wanted, layout, notes);
  const data = [...found.files, ...libcData.made];
  const directories = [...found.directories, ...(earlier?.directories ?? [])];
  const isolate = options.isolate ?? true;
  const keepPrivileges = options.keepPrivileges ?? false;
  if (keepPrivileges)
    requirePrivileged({isolate, isWrapped: shell !== undefined, layout, root, machine, target});
  const from = {root, machine, fileResolver};
  const planned = planBundle(trees, {
    ...from,
    layout,
    places,
    isolate,
    shell,
    targetOf,
    variants,
    dlopen: options.dlopen,
    gconv: gconvIn(data, layout),
    data,
    directories,
    relocatable: false,
  });
  const author = together([...authors, fileResolver.author]);
  const coming = keepPrivileges ? {...planned, files: keepRights(planned.files, author, notes)} : planned;
  requireOwnDirectories(target, directoriesOf(coming));
  const made = describe(coming, request.onProgress);
  const asked = wanted.map((file) => placeOf(file.source, file.target, layout.prefix));
  const kept = keepEarlier(target, earlier, {programs: coming.programs, files: made, places: asked});
  const plan = withKept(coming, kept);
  const all = [...made, ...kept.files.map(({listed}) => ({...listed, source: listed.source ?? 'kept'}))];
  const manifest = list(plan, all, options.recordSources ?? false);
  requireReadable(manifest);
  return {
    notes: [...notes, ...libcData.notes, ...rightsLeftBehind(coming.files)],
    environment: libcData.environment,
    earlier,
    plan,
    manifest,
    files: all,
    library: [...library, ...trees.flatMap(dlopenedNames)],
    symbols: options.symbols ?? false,
    native: root.isTrivial,
    author,
  };
}

function withKept(plan: BundlePlan, {programs, files}: Kept): BundlePlan {
  return {...plan, programs: [...plan.programs, ...programs], files: [...plan.files, ...files]};
}

function write(
  target: OpenRoot,
  libs: DirFd | undefined,
  prepared: Prepared,
  onProgress: OnProgress | undefined,
): BundleResult {
  const {earlier, plan, manifest, library, symbols, native, author} = prepared;
  const notes: string[] = [];
  const prove = (staged: Staged) => {
    proveClosed(staged.root, manifest, carried(plan, library), symbols);
    // What another root has for a loader is not run here.
    const loader = native ? plan.isolated : undefined;
    if (loader === undefined) return;
    const reason = whyNotRun(author);
    const problem =
      reason === undefined
        ? testIsolation(staged.locate(loader), plan.libc)
        : `the isolated loader was not tested: ${reason}`;
    if (problem !== undefined) notes.push(problem);
  };
  const replaced = {libs, obsolete: obsoleteFiles(target, earlier, manifest)};
  writeBundle(target.top, plan, manifest, replaced, prove, onProgress);
  proveClosed(target, manifest, []);
  return resultOf(target, prepared, true, notes);
}

function resultOf(
  target: Root,
  {notes: found, environment, plan, manifest, files}: Prepared,
  written: boolean,
  notes: readonly string[] = [],
): BundleResult {
  return {
    manifest,
    files,
    manifestPath: target.hostPath(manifestPath(plan.layout)),
    written,
    isolated: plan.loader === undefined ? isolationOf(target, manifest) : plan.isolated !== undefined,
    environment,
    notes: [...found, ...plan.notes, ...notes],
  };
}

function shellOf({launcher = 'interp', shell}: Omit<BundleOptions, 'into'>): string | undefined {
  if ((launcher === 'wrapper') === (shell !== undefined))
    return shell === undefined ? undefined : absolutePath(shell);
  throw new ElfError('BAD_REQUEST', 'a wrapper and its static shell go together', {
    expected: 'both, or the launcher interp',
  });
}

function directoriesOf({files, directories}: BundlePlan): Set<string> {
  return new Set([...files.map(({path}) => posix.dirname(path)), ...directories]);
}

/** What a program's name says, else what the caller or the earlier bundle says. */
function targetsOf(
  programs: readonly BundleProgram[],
  earlier: Manifest | undefined,
  qemuTarget: string | undefined,
): (name: string) => string | null {
  const known = new Map(
    earlier?.programs.map((program) => [posix.basename(program.path), program.qemuTarget]),
  );
  if (qemuTarget !== undefined)
    for (const {source} of programs) known.set(posix.basename(source), qemuTarget);
  return (name) => targetOfEmulatorName(name)?.name ?? known.get(name) ?? null;
}

/** Files of an earlier bundle that have no place in the new one, unless they were changed. */
function obsoleteFiles(target: Root, earlier: Manifest | undefined, {libs, files}: Manifest): string[] {
  const kept = new Set(files.map(({path}) => path));
  return (earlier?.files ?? [])
    .filter(({path}) => !kept.has(path) && !path.startsWith(`${libs}/`))
    .filter((file) => isInPlace(target, file))
    .map(({path}) => path);
}

function readManifest(target: OpenRoot, layout: Layout): Manifest | undefined {
  using directory = enter(target.top, layout.libs);
  return directory && readManifestIn(directory, layout);
}

/** What is there but is not a manifest, or not one to trust, does not count: the bundle is made anew. */
function readManifestIn(libs: DirFd, layout: Layout): Manifest | undefined {
  try {
    const source = libs.open(manifestName);
    const manifest = source && readManifestFile(source);
    return manifest?.prefix === layout.prefix && manifest.libs === layout.libs ? manifest : undefined;
  } catch (error) {
    if (error instanceof ElfError && error.code !== 'FILE_SYSTEM') return undefined;
    throw error;
  }
}

/** Resolve programs, once more with what their C library opens by itself where that is an old one. */
function resolveAll(
  programs: readonly string[],
  {library, ...settings}: ResolveTreeOptions & {readonly library: readonly string[]},
  root: Root,
): {trees: ResolvedTree[]; library: readonly string[]; resolver: Resolver} {
  const resolveWith = (names: readonly string[]) => {
    const resolver = new Resolver({...settings, library: names, preloadFile: false}, root);
    return {trees: programs.map((program) => resolveProgram(resolver, program)), library: names, resolver};
  };
  const first = resolveWith(library);
  return first.trees.some(hasNameServicesApart) ? resolveWith([...library, ...nameServices]) : first;
}

/** Until glibc 2.34 the lookups in files and by DNS were libraries of their own, opened by name. */
function hasNameServicesApart({interpreter}: ResolvedTree): boolean {
  const [major, minor] = (interpreter?.version ?? '').split('.').map(Number);
  return interpreter?.libc === 'glibc' && major === 2 && minor !== undefined && minor < 34;
}

/** A static program has no loader, and no use for libraries that were asked for by hand. */
function carried({files}: BundlePlan, library: readonly string[]): string[] {
  const names = new Set(files.map(({path}) => posix.basename(path)));
  const wanted = library.map((name) => posix.basename(name));
  return files.some(({role}) => role === 'loader') ? wanted.filter((name) => names.has(name)) : [];
}

function describe({files}: BundlePlan, onProgress: OnProgress | undefined): BundledFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return files.map((file) => {
    const {path, role, source, resolved} = file;
    const original = file.linkTo === undefined ? undefined : byPath.get(file.linkTo);
    const content = contentOfFile(original ?? file, onProgress);
    return {path, role, ...content, source, ...(resolved === undefined ? {} : {resolved})};
  });
}

/** The manifest of a bundle: without the sources, the same on every machine. */
function list(
  {layout, programs, directories}: BundlePlan,
  files: readonly BundledFile[],
  recordSources: boolean,
): Manifest {
  return {
    version: 1,
    generator: `elfinterp ${version}`,
    ...layout,
    programs,
    ...(directories.length > 0 && {directories}),
    files: files.map(({source, ...file}) =>
      recordSources || source === generated ? {...file, source} : file,
    ),
  };
}

function textOf(manifest: Manifest | undefined): string | undefined {
  return manifest && formatManifest(manifest);
}

function isThere(target: Root, {earlier, manifest, plan}: Prepared): boolean {
  if (textOf(earlier) !== textOf(manifest)) return false;
  const {files, directories = []} = manifest;
  return (
    files.every((file) => isInPlace(target, file)) &&
    directories.every((path) => findOwn(target, path) !== undefined) &&
    hasCapabilities(target, plan)
  );
}

/** Whether the programs that are there have the file capabilities that they should have; the list does not say. */
function hasCapabilities(target: Root, {files}: BundlePlan): boolean {
  const there = files
    .filter(isCopiedProgram)
    .map(({path, capabilities}) => ({from: target, source: target.hostPath(path), capabilities}));
  const found = capabilitiesOf(there);
  return there.every((file) => found.get(file) === file.capabilities);
}
