/*
 * Is an installed bundle still self-contained? Everything is read, nothing of it is run: what is in a chroot
 * may belong to another user by now.
 */
import {posix} from 'node:path';
import {isInPlace, isThere} from '../bundle/in-place.js';
import {isolationOf} from '../bundle/isolation.js';
import {type Manifest, type ManifestFile, manifestPath, ownDirectories} from '../bundle/manifest.js';
import {proveClosed} from '../bundle/prove.js';
import {ElfError, inWords} from '../errors.js';
import {findOwn} from '../loader/inside.js';
import {OpenRoot} from '../loader/open-root.js';
import type {Root} from '../loader/root.js';
import {type BundlePlace, findBundle} from './manifest.js';

/** One thing that is not as the manifest says. */
export interface BundleProblem {
  readonly code: 'MISSING' | 'CHANGED' | 'EXTRA' | 'NOT_CLOSED';
  /** Seen from inside. */
  readonly path: string;
  readonly message: string;
}

/** A bundle's manifest, and where the files differ from it. */
export interface VerifyResult {
  readonly manifest: Manifest;
  /** On this machine. */
  readonly manifestPath: string;
  /** Whether the bundled loader ignores the guest's LD_* variables; undefined without a loader. */
  readonly isolated: boolean | undefined;
  readonly problems: readonly BundleProblem[];
}

/**
 * Check the bundle in a chroot: each file is the one that was installed, and programs find loader and libraries in
 * it and nowhere else.
 *
 * @throws ElfError NOT_FOUND when there is no bundle, OUTSIDE, BAD_MANIFEST
 * @example
 *   await installEmulator('./chroot');
 *   console.log(verifyBundle('./chroot').problems); // []
 */
export function verifyBundle(chroot: string, place: BundlePlace = {}): VerifyResult {
  using root = OpenRoot.at(chroot);
  return inWords(root.host, () => verifyIn(root, place));
}

function verifyIn(root: Root, place: BundlePlace): VerifyResult {
  const found = findBundle(root, place);
  if (found === undefined) {
    throw new ElfError('NOT_FOUND', 'no bundle is installed in this chroot', {path: root.host});
  }
  const {manifest, path} = found;
  const isolated = isolationOf(root, manifest);
  const problems = [
    ...manifest.files.flatMap((file) => checkFile(root, file)),
    ...(manifest.directories ?? []).flatMap((path) => checkDirectory(root, path)),
    ...findExtras(root, manifest),
    ...checkClosed(root, manifest),
  ];
  return {manifest, manifestPath: path, isolated, problems};
}

function checkFile(root: Root, file: ManifestFile): BundleProblem[] {
  const {path} = file;
  if (!isThere(root, file)) return [{code: 'MISSING', path, message: 'the file is missing'}];
  if (isInPlace(root, file)) return [];
  return [{code: 'CHANGED', path, message: 'the hash or the mode of the file differs from the manifest'}];
}

function checkDirectory(root: Root, path: string): BundleProblem[] {
  if (findOwn(root, path) !== undefined) return [];
  return [{code: 'MISSING', path, message: 'the empty directory is gone'}];
}

/** An extra library would be found by anything that asks for its name. */
function findExtras(root: Root, manifest: Manifest): BundleProblem[] {
  const {libs, files} = manifest;
  const own = [manifestPath(manifest), ...ownDirectories(manifest)];
  const known = new Set([...files.map(({path}) => path), ...own]);
  const directory = findOwn(root, libs);
  const names = directory === undefined ? [] : root.names(directory);
  return names
    .map((name) => posix.join(libs, name))
    .filter((path) => !known.has(path))
    .map((path) => ({code: 'EXTRA', path, message: 'the file is not in the manifest'}));
}

function checkClosed(root: Root, manifest: Manifest): BundleProblem[] {
  try {
    proveClosed(root, manifest, []);
    return [];
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return [{code: 'NOT_CLOSED', path: error.path ?? manifest.prefix, message: error.reason}];
  }
}
