/*
 * Carry programs, their loader and their libraries to a place where they run together: resolve, plan, prove, write.
 */
import {lstatSync, mkdirSync, readFileSync, realpathSync, rmSync} from 'node:fs';
import {join, posix, resolve} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {Resolver} from '../loader/resolve.js';
import {Root} from '../loader/root.js';
import type {ResolvedTree} from '../loader/tree.js';
import {version} from '../version.js';
import {type Content, contentOf, contentOfBytes, hasContent} from './contents.js';
import {type DataFile, findDataFiles, placeOf} from './data-files.js';
import {type BundleFile, generated} from './file-set.js';
import {formatManifest, type Manifest, type ManifestFile, manifestPath, parseManifest} from './manifest.js';
import {alwaysNeeded, type BundlePlan, type Layout, planBundle, targetOfName} from './plan-bundle.js';
import {proveClosed} from './prove.js';
import {testIsolation} from './self-test.js';
import {writeBundle} from './write-bundle.js';

/** Where a bundle goes, and what comes along. */
export interface BundleOptions {
  /** The directory that will be `/` for the programs: the chroot. It is made when it does not exist. */
  readonly into: string;
  /** Where the programs go, seen from inside. Default: `/debootstrap`. */
  readonly prefix?: string | undefined;
  /** Name of the library directory under the prefix. Default: `qemu-libs`. */
  readonly libs?: string | undefined;
  /** Take programs and libraries from this root instead of the machine's own; the programs' paths are inside it. */
  readonly root?: string | undefined;
  /** Libraries to carry along besides those that are asked for. */
  readonly library?: readonly string[] | undefined;
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
}

/** What was bundled. */
export interface BundleResult {
  readonly manifest: Manifest;
  /** The manifest's file on this machine. */
  readonly manifestPath: string;
  /** False when everything was there already. */
  readonly written: boolean;
  /** Whether the bundled loader ignores the guest's LD_* variables; undefined for static programs. */
  readonly isolated: boolean | undefined;
  readonly notes: readonly string[];
}

/**
 * Bundle programs so that they run with `into` as their root.
 *
 * A dynamic program is copied with PT_INTERP and DT_RPATH leading to the library directory, which gets its loader
 * and its libraries; a static one is copied as it is. Programs that an earlier bundle put under the same prefix
 * stay and are made anew from their sources. The bundle is proved before it is moved into place.
 *
 * @param programs paths, inside `root` if one is given
 * @throws ElfError NOT_FOUND, CONFLICT, NOT_CLOSED, OUTSIDE, FILE_SYSTEM, or what `planEdit` throws
 * @example
 *   const {manifest} = await bundle(['/usr/bin/qemu-arm'], {into: './chroot'});
 *   for (const {path, source} of manifest.files) console.log(path, source);
 */
export async function bundle(programs: readonly string[], options: BundleOptions): Promise<BundleResult> {
  const layout = layoutOf(options);
  const shell = shellOf(options);
  const target = prepareTarget(options.into, layout);
  const library = [...(options.library ?? []), alwaysNeeded];
  const earlier = readManifest(target, layout);
  const targetOf = targetsOf(programs, earlier, options.qemuTarget);
  const all = withEarlierPrograms(programs, earlier, targetOf, options.root);
  const trees = resolveAll(all, library, options.root);
  const wanted = withEarlierData(options, earlier?.files ?? [], layout);
  const data = findDataFiles(new Root(options.root), wanted, layout);
  const plan = planBundle(trees, {layout, library, isolate: options.isolate ?? true, shell, targetOf, data});
  requireOwnDirectories(target, directoriesOf(plan));
  const manifest = describe(plan);
  const result = {manifest, manifestPath: join(target, manifestPath(layout)), isolated: isolationIn(plan)};
  if (isThere(target, manifest)) return {...result, written: false, notes: plan.notes};
  const notes = [...plan.notes];
  writeBundle(target, plan, manifest, (staging) => {
    proveClosed(staging, layout, plan.programs, carried(plan, library));
    const problem = plan.isolated === undefined ? undefined : testIsolation(join(staging, plan.isolated));
    if (problem !== undefined) notes.push(problem);
  });
  removeReplaced(target, layout, earlier, manifest);
  proveClosed(target, layout, plan.programs, []);
  return {...result, written: true, notes};
}

function layoutOf({prefix = '/debootstrap', libs = 'qemu-libs'}: BundleOptions): Layout {
  const isPlain =
    prefix.startsWith('/') && posix.normalize(prefix) === prefix && prefix !== '/' && !prefix.endsWith('/');
  if (!isPlain) {
    throw new ElfError('BAD_REQUEST', 'the prefix is not a plain absolute path', {
      expected: 'a path like /debootstrap',
      got: prefix,
    });
  }
  if (libs === '' || libs.includes('/') || libs === '.' || libs === '..') {
    throw new ElfError('BAD_REQUEST', 'the library directory is not a plain name', {
      expected: 'a name like qemu-libs',
      got: libs,
    });
  }
  return {prefix, libs: posix.join(prefix, libs)};
}

function shellOf({launcher = 'interp', shell}: BundleOptions): string | undefined {
  if ((launcher === 'wrapper') === (shell !== undefined))
    return shell === undefined ? undefined : resolve(shell);
  throw new ElfError('BAD_REQUEST', 'a wrapper and its static shell go together', {
    expected: '--launcher wrapper --shell FILE, or neither',
  });
}

/** The target's real path; each directory of the layout that exists there must be one, and not a link elsewhere. */
function prepareTarget(into: string, layout: Layout): string {
  try {
    mkdirSync(into, {recursive: true});
  } catch (error) {
    throw systemError(into, error, 'cannot make the directory');
  }
  const {host} = new Root(into);
  requireOwnDirectories(host, [layout.prefix, layout.libs]);
  return host;
}

/** A directory of the bundle that exists already must be one, and not a link to elsewhere. */
function requireOwnDirectories(target: string, directories: Iterable<string>): void {
  const root = new Root(target);
  for (const path of directories) {
    const there = root.resolve(path);
    const isFree =
      !there.found && there.code === 'ENOENT' && path === posix.join(there.reached, ...there.rest);
    if (isFree || (there.found && there.inside === path && there.stats.isDirectory())) continue;
    throw new ElfError('OUTSIDE', `${path} is not a directory of its own there`, {
      path: target,
      expected: 'a directory, or nothing yet',
      got: there.found ? `a way to ${there.inside}` : `${there.code} at ${there.reached}`,
    });
  }
}

function directoriesOf({files}: BundlePlan): Set<string> {
  return new Set(files.map(({path}) => posix.dirname(path)));
}

/** What a program's name says, else what the caller or the earlier bundle says. */
function targetsOf(
  programs: readonly string[],
  earlier: Manifest | undefined,
  qemuTarget: string | undefined,
): (name: string) => string | null {
  const known = new Map(
    earlier?.programs.map((program) => [posix.basename(program.path), program.qemuTarget]),
  );
  if (qemuTarget !== undefined) for (const path of programs) known.set(posix.basename(path), qemuTarget);
  return (name) => targetOfName(name) ?? known.get(name) ?? null;
}

/**
 * One library directory serves all emulators of a prefix, so a new one is bundled together with those before it,
 * except those that it replaces: of its name, or for its target.
 */
function withEarlierPrograms(
  programs: readonly string[],
  earlier: Manifest | undefined,
  targetOf: (name: string) => string | null,
  root: string | undefined,
): string[] {
  const paths = programs.map((path) => (root === undefined ? resolve(path) : posix.join('/', path)));
  const names = new Set(paths.map((path) => posix.basename(path)));
  const targets = new Set(
    paths.map((path) => targetOf(posix.basename(path))).filter((name) => name !== null),
  );
  const kept = (earlier?.files ?? []).filter(({role, path}) => {
    const name = posix.basename(path);
    return role === 'program' && !names.has(name) && !targets.has(targetOf(name) ?? '');
  });
  return [...kept.map(({source}) => sourceInside(source, root)), ...paths];
}

/** Data files of an earlier bundle stay, unless something new is asked for in their place. */
function withEarlierData(
  {files = [], root}: BundleOptions,
  earlier: readonly ManifestFile[],
  layout: Layout,
): DataFile[] {
  const own = files.map(({source, target}) => ({
    source: root === undefined ? resolve(source) : posix.join('/', source),
    target: placeOf(source, target, layout.prefix),
  }));
  const isReplaced = (path: string) =>
    own.some(({target}) => path === target || path.startsWith(`${target}/`));
  const kept = earlier.filter(
    ({role, source, path}) => role === 'data' && source !== generated && !isReplaced(path),
  );
  return [...kept.map(({source, path}) => ({source: sourceInside(source, root), target: path})), ...own];
}

/** Remove the programs of an earlier bundle that have no place in the new one, unless somebody changed them. */
function removeReplaced(
  target: string,
  {prefix}: Layout,
  earlier: Manifest | undefined,
  now: Manifest,
): void {
  const kept = new Set(now.files.map(({path}) => path));
  for (const file of earlier?.files ?? []) {
    if (file.role !== 'program' || kept.has(file.path) || posix.dirname(file.path) !== prefix) continue;
    const path = join(target, file.path);
    if (lstatSync(path, {throwIfNoEntry: false})?.isFile() && hasContent(path, file)) rmSync(path);
  }
}

function sourceInside(source: string, root: string | undefined): string {
  if (root === undefined) return source;
  const host = realpathSync(root);
  return source.startsWith(`${host}/`) ? source.slice(host.length) : source;
}

function readManifest(target: string, layout: Layout): Manifest | undefined {
  const path = join(target, manifestPath(layout));
  try {
    return parseManifest(readFileSync(path, 'utf8'), path);
  } catch (error) {
    if (error instanceof ElfError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw systemError(path, error, 'cannot read');
  }
}

function resolveAll(
  programs: readonly string[],
  library: readonly string[],
  root: string | undefined,
): ResolvedTree[] {
  const place = root === undefined ? {} : {root};
  const resolver = new Resolver({...place, library, preloadFile: false});
  return programs.map((program) => resolver.resolve(program));
}

/** A static program has no loader, and no use for libraries that were asked for by hand. */
function carried({files}: BundlePlan, library: readonly string[]): string[] {
  const names = new Set(files.map(({path}) => posix.basename(path)));
  const wanted = library.map((name) => posix.basename(name));
  return files.some(({role}) => role === 'loader') ? wanted.filter((name) => names.has(name)) : [];
}

function isolationIn({files, isolated}: BundlePlan): boolean | undefined {
  return files.some(({role}) => role === 'loader') ? isolated !== undefined : undefined;
}

function describe({layout, programs, files}: BundlePlan): Manifest {
  return {
    version: 1,
    generator: `elfinterp ${version}`,
    ...layout,
    programs,
    files: files.map((file) => {
      const {path, role, source} = file;
      const original = files.find((other) => other.path === file.linkTo);
      return {path, role, ...contentIn(original ?? file), source};
    }),
  };
}

function contentIn({content, source, plan, role}: BundleFile): Content {
  return content === undefined
    ? contentOf(source, plan)
    : contentOfBytes(content, role === 'program' ? 0o755 : 0o644);
}

function isThere(target: string, manifest: Manifest): boolean {
  const earlier = readManifest(target, manifest);
  if (earlier === undefined || formatManifest(earlier) !== formatManifest(manifest)) return false;
  return manifest.files.every((file) => hasContent(join(target, file.path), file));
}
