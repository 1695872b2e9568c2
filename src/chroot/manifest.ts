import {posix} from 'node:path';
import {type Manifest, manifestPath} from '../bundle/manifest.js';
import {readManifestFile} from '../bundle/manifest-file.js';
import {ElfError} from '../errors.js';
import {findOwn} from '../loader/inside.js';
import {Root} from '../loader/root.js';

/** Where `chroot install` puts a bundle: the first is removed by debootstrap's second stage, the second stays. */
export const defaultPrefixes = ['/debootstrap', '/usr/libexec/elfinterp'] as const;

export const defaultLibs = 'qemu-libs';

/** Library directory of the bundles of other programs. */
const generalLibs = 'lib';

/** Where to look for a chroot's bundle. */
export interface BundlePlace {
  /** Default: the first of `defaultPrefixes` that has a manifest. */
  readonly prefix?: string | undefined;
  /** Name of the library directory under the prefix. Default: `qemu-libs`, then `lib`. */
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
export function findManifest(root: Root, {prefix, libs}: BundlePlace = {}): FoundManifest | undefined {
  for (const candidate of prefix === undefined ? defaultPrefixes : [prefix]) {
    for (const name of libs === undefined ? [defaultLibs, generalLibs] : [libs]) {
      const found = readManifest(root, candidate, name);
      if (found !== undefined) return found;
    }
  }
  if (prefix === undefined) return undefined;
  throw new ElfError('NOT_FOUND', 'no bundle is installed under this prefix', {path: root.hostPath(prefix)});
}

/**
 * The same for any bundle, including those of programs other than emulators, in `/` or in a directory of `/opt`.
 *
 * @throws ElfError BAD_REQUEST when there are several, and as `findManifest` does
 */
export function findBundle(root: Root, place: BundlePlace = {}): FoundManifest | undefined {
  const emulators = findManifest(root, place);
  if (emulators !== undefined || place.prefix !== undefined) return emulators;
  const {libs = generalLibs} = place;
  const found: FoundManifest[] = [];
  let unreadable = 0;
  for (const prefix of ['/', ...namesIn(root, '/opt').map((name) => posix.join('/opt', name))]) {
    const one = readIfBundle(root, prefix, libs);
    if (one === 'unreadable') unreadable++;
    else if (one !== undefined) found.push(one);
    if (found.length > 1) throw ambiguous(root, 'several bundles are installed in this root', found);
    if (unreadable > mostUnreadable) throw ambiguous(root, 'too many manifests cannot be read', found);
  }
  return found[0];
}

/** Each may be megabytes long, and one file may have many names. */
const mostUnreadable = 16;

function ambiguous(root: Root, what: string, found: readonly FoundManifest[]): ElfError {
  const got = found.map(({manifest}) => manifest.prefix).join(', ');
  return new ElfError('BAD_REQUEST', what, {
    path: root.host,
    expected: 'the prefix of a bundle',
    ...(got !== '' && {got}),
  });
}

function namesIn(root: Root, path: string): string[] {
  const there = root.resolve(path, {follow: false});
  return there.found && there.stats.isDirectory() ? root.names(there.host) : [];
}

/** Other software also has a lib directory with a manifest.json, or a link in its place. */
function readIfBundle(root: Root, prefix: string, libs: string): FoundManifest | 'unreadable' | undefined {
  try {
    return readManifest(root, prefix, libs);
  } catch (error) {
    if (error instanceof ElfError && error.code === 'OUTSIDE') return undefined;
    if (error instanceof ElfError && error.code === 'BAD_MANIFEST') return 'unreadable';
    throw error;
  }
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
