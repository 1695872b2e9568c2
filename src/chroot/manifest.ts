import {posix} from 'node:path';
import {type Manifest, manifestPath} from '../bundle/manifest.js';
import {readManifestFile} from '../bundle/manifest-file.js';
import {ElfError} from '../errors.js';
import {findOwn} from '../loader/inside.js';
import {Root} from '../loader/root.js';

/** Where `chroot install` puts a bundle: to be gone after debootstrap's second stage, or to stay. */
export const defaultPrefixes = ['/debootstrap', '/usr/libexec/elfinterp'] as const;

const defaultLibs = 'qemu-libs';

/** Where to look for a chroot's bundle. */
export interface BundlePlace {
  /** Default: the first of `defaultPrefixes` that has a manifest. */
  readonly prefix?: string | undefined;
  /** Name of the library directory under the prefix. Default: `qemu-libs`. */
  readonly libs?: string | undefined;
}

/** A manifest, and the file that it was read from. */
export interface FoundManifest {
  readonly manifest: Manifest;
  readonly path: string;
}

/**
 * Read the manifest of the bundle in a chroot; undefined when it has none and no prefix was asked for.
 *
 * @throws ElfError NOT_FOUND (nothing under the prefix asked for), OUTSIDE, BAD_MANIFEST
 */
export function findManifest(root: Root, {prefix, libs = defaultLibs}: BundlePlace = {}) {
  for (const candidate of prefix === undefined ? defaultPrefixes : [prefix]) {
    const found = readManifest(root, candidate, libs);
    if (found !== undefined) return found;
  }
  if (prefix === undefined) return undefined;
  throw new ElfError('NOT_FOUND', 'no bundle is installed under this prefix', {path: root.hostPath(prefix)});
}

/** Tell whether a chroot has a bundle. @throws ElfError as `findManifest` does */
export function hasBundle(chroot: string, place: BundlePlace = {}): boolean {
  return findManifest(new Root(chroot), place) !== undefined;
}

/** Read the manifest under one prefix; undefined when there is none. */
export function readManifest(root: Root, prefix: string, libs = defaultLibs): FoundManifest | undefined {
  const expected = {prefix: posix.normalize(prefix), libs: posix.join(prefix, libs)};
  const path = findOwn(root, manifestPath(expected));
  if (path === undefined) return undefined;
  const manifest = readManifestFile(root.source(path));
  for (const field of ['prefix', 'libs'] as const) {
    if (manifest[field] === expected[field]) continue;
    throw new ElfError('BAD_MANIFEST', `the manifest's ${field} does not match its location`, {
      path,
      expected: expected[field],
      got: manifest[field],
    });
  }
  return {manifest, path};
}
