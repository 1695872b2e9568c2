/*
 * Everything about a bundle that is decided before anything is written.
 */
import {posix} from 'node:path';
import {targetOfEmulatorName} from '../binfmt/targets.js';
import type {Author} from '../loader/author.js';
import {dlopenedNames} from '../loader/dlopen-needs.js';
import type {OpenRoot} from '../loader/open-root.js';
import type {OnProgress} from '../source/progress.js';
import {together} from '../source/trust.js';
import {version} from '../version.js';
import {type Data, findData} from './data.js';
import {requirePlace} from './data-files.js';
import {keepEarlier} from './earlier.js';
import {FileResolver} from './file-resolver.js';
import {contentOfFile, generated} from './file-set.js';
import {levelsAmong} from './hwcaps.js';
import {keepRights, requirePrivileged} from './keep-privileges.js';
import type {Manifest, ManifestFile} from './manifest.js';
import {requireReadable} from './manifest-file.js';
import {type BundlePlan, planBundle} from './plan-bundle.js';
import {rightsLeftBehind} from './privileges.js';
import type {Request} from './request.js';
import {type ResolvedPrograms, resolvePrograms} from './resolve-programs.js';
import {requireOwnDirectories} from './target.js';

/** A file of a bundle, and where it came from. */
export interface BundledFile extends ManifestFile {
  /** A file of this machine; `generated` if there was none, `kept` for a file kept from the earlier bundle. */
  readonly source: string;
}

/** A bundle that could be written. */
export interface Prepared {
  /** The bundle that was there when this one was prepared. */
  readonly earlier: Manifest | undefined;
  readonly plan: BundlePlan;
  readonly manifest: Manifest;
  readonly files: readonly BundledFile[];
  /** Variables to set when the programs are started. */
  readonly environment: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
  /**
   * What has to be proved: names of libraries that the programs do not ask for themselves, and whether to check
   * symbols.
   */
  readonly library: readonly string[];
  readonly symbols: boolean;
  /** Whether the programs are from this machine, so that their loader may be run as a test. */
  readonly native: boolean;
  /** Who controls what is bundled, if not only root and this user. */
  readonly author: Author;
}

/**
 * Prepare a bundle for a directory.
 *
 * @param earlier the bundle that is there
 * @throws what `bundle` throws, except the errors of writing
 */
export function prepare(request: Request, target: OpenRoot, earlier: Manifest | undefined): Prepared {
  const targetOf = targetsOf(request, earlier);
  const resolved = resolvePrograms(
    request.programs,
    {...request, hwcaps: hwcapsOf(request, earlier)},
    request.root,
  );
  const data = findData(resolved.trees, request, {
    root: request.root,
    layout: request.layout,
    relocatable: false,
    emulators: request.programs.every(({source}) => targetOf(posix.basename(source)) !== null),
    kept: pathsOf(earlier),
  });
  const {coming, author, notes} = planComing(request, target, earlier, {resolved, data, targetOf});
  requireOwnDirectories(target, directoriesOf(coming));
  const made = describe(coming, request.onProgress);
  const kept = keepEarlier(target, earlier, {programs: coming.programs, files: made, places: data.places});
  const plan = {
    ...coming,
    programs: [...coming.programs, ...kept.programs],
    files: [...coming.files, ...kept.files],
  };
  const files = [...made, ...kept.files.map(({listed}) => ({...listed, source: listed.source ?? 'kept'}))];
  const manifest = list(plan, files, request.recordSources ?? false);
  requireReadable(manifest);
  return {
    earlier,
    plan,
    manifest,
    files,
    environment: data.environment,
    notes: [...data.notes, ...notes, ...rightsLeftBehind(coming.files)],
    library: [...resolved.library, ...resolved.trees.flatMap(dlopenedNames)],
    symbols: request.symbols ?? false,
    native: request.root.isTrivial,
    author,
  };
}

function pathsOf(earlier: Manifest | undefined): ReadonlySet<string> {
  return new Set(earlier?.files.map(({path}) => path));
}

/** Without the option, variants are kept if the earlier bundle has them. */
function hwcapsOf({hwcaps, layout}: Request, earlier: Manifest | undefined): 'all' | 'none' {
  return hwcaps ?? (levelsAmong(pathsOf(earlier), layout.libs).length > 0 ? 'all' : 'none');
}

type TargetOf = (name: string) => string | null;

/** Finds a program's qemu-user target: from its name, else from the caller or the earlier bundle. */
function targetsOf({programs, qemuTarget}: Request, earlier: Manifest | undefined): TargetOf {
  const known = new Map(
    earlier?.programs.map((program) => [posix.basename(program.path), program.qemuTarget]),
  );
  if (qemuTarget !== undefined)
    for (const {source} of programs) known.set(posix.basename(source), qemuTarget);
  return (name) => targetOfEmulatorName(name)?.name ?? known.get(name) ?? null;
}

/** Plan the new files, without those that are kept. */
function planComing(
  request: Request,
  target: OpenRoot,
  earlier: Manifest | undefined,
  found: {readonly resolved: ResolvedPrograms; readonly data: Data; readonly targetOf: TargetOf},
): {coming: BundlePlan; author: Author; notes: readonly string[]} {
  const {programs, layout, root, machine, shell, dlopen, isolate = true, keepPrivileges = false} = request;
  const {trees, variants, resolver, author} = found.resolved;
  const {data, gconv, directories} = found.data;
  const places = programs.map(({source, target: place}) => requirePlace(source, place, layout));
  const fileResolver = new FileResolver(resolver, root);
  if (keepPrivileges)
    requirePrivileged({isolate, isWrapped: shell !== undefined, layout, root, machine, target});
  const planned = planBundle(trees, {
    root,
    machine,
    fileResolver,
    layout,
    places,
    isolate,
    shell,
    targetOf: found.targetOf,
    variants,
    dlopen,
    gconv,
    data,
    directories: [...directories, ...(earlier?.directories ?? [])],
    relocatable: false,
  });
  const ofAll = together([author, fileResolver.author]);
  const notes: string[] = [];
  const coming = keepPrivileges ? {...planned, files: keepRights(planned.files, ofAll, notes)} : planned;
  return {coming, author: ofAll, notes};
}

function directoriesOf({files, directories}: BundlePlan): Set<string> {
  return new Set([...files.map(({path}) => posix.dirname(path)), ...directories]);
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
