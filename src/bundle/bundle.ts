/*
 * Carry programs, their loader and their libraries to a place where they run together: resolve, plan, prove, write.
 */
import {ElfError, inWords} from '../errors.js';
import {OpenRoot} from '../loader/open-root.js';
import type {Root} from '../loader/root.js';
import {isKept} from './earlier.js';
import {refuseForeignFiles} from './foreign.js';
import {hasManifest, isInstalled, isSameManifest, obsoleteFiles, openInstalled} from './installed.js';
import {isolationOf} from './isolation.js';
import {layoutOf} from './layout.js';
import {withLock} from './lock.js';
import {type Manifest, manifestPath} from './manifest.js';
import {type BundledFile, type Prepared, prepare} from './prepare.js';
import {type BundleProgram, namedPrograms} from './programs.js';
import {proveClosed} from './prove.js';
import {proveStaged} from './prove-staged.js';
import {type BundleOptions, type Request, requestOf} from './request.js';
import {recover, settle} from './staging.js';
import {openToAll, requireOwnDirectories, withTarget} from './target.js';
import {writeBundle} from './write-bundle.js';

/** What was bundled. */
export interface BundleResult {
  /** As it was written. */
  readonly manifest: Manifest;
  /** The files of the manifest, each with where it came from. */
  readonly files: readonly BundledFile[];
  /** The manifest's file on this machine. */
  readonly manifestPath: string;
  /** False if everything was already in place. */
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
 * @param programs paths (inside `root` if one is given), or objects that also say where each one goes
 * @throws ElfError BAD_REQUEST, NOT_FOUND, CONFLICT, CHANGED, NOT_CLOSED, OUTSIDE, FILE_SYSTEM, or what `planEdit` throws.
 *   If the only cause of NOT_CLOSED is a file in `into` that is not part of the bundle, such as a preloaded library, the bundle stays in place; after any other error, nothing was moved into place
 * @example
 *   const {files} = await bundle(['/usr/bin/qemu-arm'], {into: './chroot'});
 *   for (const {path, source} of files) console.log(path, source);
 */
export async function bundle(
  programs: readonly (string | BundleProgram)[],
  options: BundleOptions,
): Promise<BundleResult> {
  layoutOf(namedPrograms(programs), options);
  return withTarget(options.into, (target, isNew) => {
    if (isNew) openToAll(target.top);
    return bundleAt(target, programs, options);
  });
}

/** Like `bundle`, for a directory that is already open. */
export function bundleAt(
  target: OpenRoot,
  programs: readonly (string | BundleProgram)[],
  options: Omit<BundleOptions, 'into'>,
): BundleResult {
  using machine = new OpenRoot(undefined, {keep: true});
  using other = options.root === undefined ? undefined : OpenRoot.at(options.root, {keep: true});
  const request = requestOf(programs, options, {machine, root: other ?? machine});
  return inWords(target.host, () => {
    requireOwnDirectories(target, [request.layout.prefix, request.layout.libs]);
    settle(target.top);
    // Not locked yet: a run that finds everything in place writes nothing, and needs no write permission.
    const prepared = tryToPrepare(request, target);
    if (prepared !== undefined && isInstalled(target, prepared)) return resultOf(target, prepared, false);
    return withLock(target.top, () => install(request, target, prepared));
  });
}

/** Undefined if another run removes files that would be kept: what is there is certain only under the lock. */
function tryToPrepare(request: Request, target: OpenRoot): Prepared | undefined {
  try {
    using installed = openInstalled(target, request.layout);
    return prepare(request, target, installed.manifest);
  } catch (error) {
    if (error instanceof ElfError && error.code === 'CHANGED') return undefined;
    throw error;
  }
}

/**
 * Put a bundle into a directory that is locked.
 *
 * @param before what was prepared without the lock; used only if no other run has changed anything since
 */
function install(request: Request, target: OpenRoot, before: Prepared | undefined): BundleResult {
  const stale = recover(target.top);
  using installed = openInstalled(target, request.layout);
  const {libs, manifest: earlier} = installed;
  const isAsBefore = stale.length === 0 && before !== undefined && isSameManifest(before.earlier, earlier);
  const prepared = isAsBefore ? before : prepare(request, target, earlier);
  if (isInstalled(target, prepared)) return resultOf(target, prepared, false);
  const isUnreadable = earlier === undefined && hasManifest(libs);
  const requireOwn = () => refuseForeignFiles(target.top, prepared, isUnreadable, libs);
  requireOwn();
  if (earlier !== undefined) request.beforeReplacing?.(earlier);
  const kept = new Set(prepared.plan.files.filter(isKept).map(({path}) => path));
  const replaced = {libs, isUnreadable, obsolete: obsoleteFiles(target, earlier, prepared.manifest), kept};
  const notes: string[] = [];
  writeBundle(target.top, prepared, replaced, {
    prove: (staged) => notes.push(...proveStaged(staged, prepared)),
    requireOwn,
    onProgress: request.onProgress,
  });
  // The first proof showed that nothing is missing; here other files in the root may take precedence, such as a
  // preloaded library.
  proveClosed(target, prepared.manifest, []);
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
