/*
 * Taking a bundle out again: the files that its manifest lists, and nothing else. The manifest may have been edited
 * since, so it decides nothing by itself: each path is under the prefix (bundle/manifest.ts), no link leads to it
 * (own.ts), and each file is still the one that was written, by its hash.
 */
import {lstatSync, readdirSync, rmdirSync, rmSync} from 'node:fs';
import {posix} from 'node:path';
import {hasContent} from '../bundle/contents.js';
import {type Manifest, manifestPath} from '../bundle/manifest.js';
import {findStaleStaging} from '../bundle/write-bundle.js';
import {ElfError, systemError} from '../errors.js';
import {Root} from '../loader/root.js';
import {findUses} from './in-use.js';
import {type BundlePlace, findManifest} from './manifest.js';
import {findOwn} from './own.js';

/** Which bundle to remove, and how strictly. */
export interface RemoveOptions extends BundlePlace {
  /** Remove files that were changed since they were installed as well. Default: false. */
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
  const root = new Root(chroot);
  const manifest = findManifest(root, options)?.manifest;
  const stale = findStaleStaging(root.host);
  if (manifest === undefined && stale.length === 0) {
    throw new ElfError('NOT_FOUND', 'no bundle is installed in this chroot', {path: root.host});
  }
  const there = manifest === undefined ? [] : findFiles(root, manifest, options.force ?? false);
  if (manifest !== undefined) refuseUsed(root, manifest);
  for (const name of stale) remove(root.hostPath(`/${name}`));
  for (const path of there) remove(root.hostPath(path));
  const directories = manifest === undefined ? [] : [manifest.libs, manifest.prefix];
  return {
    removed: [
      ...stale.map((name) => `/${name}`),
      ...there,
      ...directories.filter((path) => removeEmpty(root, path)),
    ],
    notes: directories.flatMap((path) => leftIn(root, path)),
  };
}

/** The files to remove, the manifest last: as long as it is there, what remains can still be removed. */
function findFiles(root: Root, manifest: Manifest, force: boolean): string[] {
  const there = manifest.files.filter(({path}) => findOwn(root, path) !== undefined);
  const changed = there.filter((file) => !isOurs(root.hostPath(file.path), file));
  const [first] = changed;
  if (first !== undefined && !force) {
    const others = changed.length > 1 ? `, and ${changed.length - 1} more` : '';
    throw new ElfError('CHANGED', `this is not the file that was installed${others}`, {
      path: root.hostPath(first.path),
      expected: `sha256 ${first.sha256}, as in the manifest; --force removes it all the same`,
    });
  }
  const directory = there.find(({path}) => lstatSync(root.hostPath(path)).isDirectory());
  if (directory !== undefined) {
    throw new ElfError('CHANGED', 'a directory stands where a file was installed', {
      path: root.hostPath(directory.path),
    });
  }
  return [...there.map(({path}) => path), manifestPath(manifest)];
}

/** Permission bits aside: who tightens them does not make the file his own. */
function isOurs(path: string, file: Manifest['files'][number]): boolean {
  const stats = lstatSync(path);
  return stats.isFile() && hasContent(path, {...file, mode: stats.mode & 0o7777});
}

function refuseUsed(root: Root, manifest: Manifest): void {
  const [use, ...others] = findUses(root, manifest);
  if (use === undefined) return;
  const more = others.length > 0 ? `, and ${others.length} more uses` : '';
  throw new ElfError('BUSY', 'the bundle is in use', {
    path: root.hostPath(manifest.prefix),
    got: `${use}${more}`,
  });
}

function remove(path: string): void {
  try {
    rmSync(path, {recursive: true, force: true});
  } catch (error) {
    throw systemError(path, error, 'cannot remove');
  }
}

function removeEmpty(root: Root, path: string): boolean {
  try {
    rmdirSync(root.hostPath(path));
    return true;
  } catch {
    return false;
  }
}

/** What else lies in the directories of the bundle: not ours to remove. */
function leftIn(root: Root, path: string): string[] {
  try {
    const names = readdirSync(root.hostPath(path));
    return names.length === 0
      ? []
      : [
          `${posix.join(path, '/')} stays: ${names.slice(0, 5).join(', ')} ${names.length === 1 ? 'is' : 'are'} not of the bundle`,
        ];
  } catch {
    return [];
  }
}
