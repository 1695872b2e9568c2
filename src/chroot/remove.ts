/*
 * Taking a bundle out again: the files that its manifest lists, and nothing else. The manifest may have been edited
 * since, so it decides nothing by itself: each path is under the prefix (bundle/manifest.ts), no link leads to it
 * (loader/inside.ts), and each file is still the one that was written, by its hash.
 */
import {posix} from 'node:path';
import {isThere} from '../bundle/in-place.js';
import {withLock} from '../bundle/lock.js';
import {type Manifest, manifestPath, ownDirectories} from '../bundle/manifest.js';
import {changeBundle, recover, settle} from '../bundle/staging.js';
import {stateAt, stateOfEntry} from '../change/entry.js';
import type {Journal, PutAside} from '../change/journal.js';
import {hasDirectory} from '../change/steps.js';
import {ElfError, inWords, printable} from '../errors.js';
import {enter} from '../loader/inside.js';
import {OpenRoot} from '../loader/open-root.js';
import type {Root} from '../loader/root.js';
import type {DirFd} from '../source/dir-fd.js';
import {findUses, refuseUses} from './in-use.js';
import {type BundlePlace, findBundle} from './manifest.js';

/** Which bundle to remove, and how strictly. */
export interface RemoveOptions extends BundlePlace {
  /** Also remove files that were changed since they were installed. Default: false. */
  readonly force?: boolean | undefined;
}

/** What was removed, and what was left. */
export interface RemoveResult {
  /** Files and directories, seen from inside. */
  readonly removed: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Remove what `installEmulator` put into a chroot, and what an interrupted run of it left.
 *
 * @throws ElfError NOT_FOUND (there is nothing to remove), CHANGED (a file is not what was installed; `force`
 *   removes it), BUSY (in use), OUTSIDE, BAD_MANIFEST; nothing is removed then
 * @example
 *   await installEmulator('./chroot');
 *   console.log(removeBundle('./chroot').removed);
 */
export function removeBundle(chroot: string, options: RemoveOptions = {}): RemoveResult {
  using root = OpenRoot.at(chroot);
  return inWords(root.host, () => removeFrom(root, options));
}

function removeFrom(root: OpenRoot, options: RemoveOptions): RemoveResult {
  const {top} = root;
  const stale = settle(top).map((name) => `/${name}`);
  if (findBundle(root, options) === undefined) {
    if (stale.length === 0) throw nothingThere(root);
    return {removed: stale, notes: []};
  }
  return withLock(top, () => {
    recover(top);
    const manifest = findBundle(root, options)?.manifest;
    if (manifest === undefined) throw nothingThere(root);
    const list = manifestPath(manifest);
    const listState = stateAt(top, list);
    if (listState === undefined) throw nothingThere(root);
    const files = findFiles(root, manifest, options.force ?? false);
    refuseUses(root, manifest, findUses(root, manifest));
    const directories = ownDirectories(manifest).filter((path) => hasDirectory(top, path));
    const plan = (): Journal => ({
      version: 1,
      prepare: files.map((file) => ({op: 'putAside', ...file})),
      commit: {op: 'putAside', path: list, state: listState},
      finish: directories.map((path) => ({op: 'removeEmpty', path})),
    });
    changeBundle(top, plan, 'cannot remove the bundle');
    const gone = directories.filter((path) => !hasDirectory(top, path));
    const notes = directories.flatMap((path) => leftIn(top, path, directories));
    return {removed: [...stale, ...files.map(({path}) => path), list, ...gone], notes};
  });
}

function nothingThere(root: Root): ElfError {
  return new ElfError('NOT_FOUND', 'no bundle is installed in this chroot', {path: root.host});
}

/** The files to remove, except the manifest, each with its state if it is unchanged since installation. */
function findFiles(
  root: OpenRoot,
  manifest: Manifest,
  force: boolean,
): readonly Pick<PutAside, 'path' | 'state'>[] {
  const there = manifest.files.filter((file) => isThere(root, file));
  const states = new Map(
    // Permission bits aside: tightening them does not make it the user's file.
    there.map(({path, role, sha256, size}) => [path, stateOfEntry(root.top, path, {role, sha256, size})]),
  );
  const changed = there.filter(({path}) => states.get(path) === undefined);
  const [first] = changed;
  if (first !== undefined && !force) {
    const others = changed.length > 1 ? `, and ${changed.length - 1} more` : '';
    throw new ElfError('CHANGED', `the file was changed after it was installed${others}`, {
      path: root.hostPath(first.path),
      expected: `sha256 ${first.sha256}, as in the manifest`,
      allowedBy: 'force',
    });
  }
  const directory = there.find(({path}) => isDirectory(root, path));
  if (directory !== undefined) {
    throw new ElfError('CHANGED', 'a directory has taken the place of an installed file', {
      path: root.hostPath(directory.path),
    });
  }
  return there.map(({path}) => {
    const state = states.get(path);
    return {path, ...(state !== undefined && {state})};
  });
}

function isDirectory(root: Root, path: string): boolean {
  const there = root.resolve(path, {follow: false});
  return there.found && there.stats.isDirectory();
}

/** What else is in a directory of the bundle: not ours to remove. */
function leftIn(top: DirFd, path: string, directories: readonly string[]): string[] {
  using directory = enter(top, path);
  const names = (directory?.names() ?? []).filter((name) => !directories.includes(posix.join(path, name)));
  if (names.length === 0) return [];
  const [some, verb] = [names.slice(0, 5).map(printable).join(', '), names.length === 1 ? 'is' : 'are'];
  return [`${posix.join(path, '/')} is kept: ${some} ${verb} not part of the bundle`];
}
