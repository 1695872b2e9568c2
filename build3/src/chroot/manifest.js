import {posix} from 'node:path';
import {manifestPath} from '../bundle/manifest.js';
import {readManifestFile} from '../bundle/manifest-file.js';
import {ElfError} from '../errors.js';
import {findOwn} from '../loader/inside.js';
/** Where `chroot install` puts a bundle: to be gone after debootstrap's second stage, or to stay. */
export const defaultPrefixes = ['/debootstrap', '/usr/libexec/elfinterp'];
export const defaultLibs = 'qemu-libs';
/**
 * Read the manifest of the bundle in a chroot; undefined when it has none and no prefix was asked for.
 *
 * @throws ElfError NOT_FOUND (nothing under the prefix asked for), OUTSIDE, BAD_MANIFEST
 */
export function findManifest(root, {prefix, libs = defaultLibs} = {}) {
  for (const candidate of prefix === undefined ? defaultPrefixes : [prefix]) {
    const found = readManifest(root, candidate, libs);
    if (found !== undefined) return found;
  }
  if (prefix === undefined) return undefined;
  throw new ElfError('NOT_FOUND', 'no bundle is installed under this prefix', {path: root.hostPath(prefix)});
}
/** Read the manifest under one prefix; undefined when there is none. */
export function readManifest(root, prefix, libs = defaultLibs) {
  const expected = {prefix: posix.normalize(prefix), libs: posix.join(prefix, libs)};
  const path = findOwn(root, manifestPath(expected));
  if (path === undefined) return undefined;
  const manifest = readManifestFile(root.source(path));
  for (const field of ['prefix', 'libs']) {
    if (manifest[field] === expected[field]) continue;
    throw new ElfError('BAD_MANIFEST', `the manifest's ${field} is not where it lies`, {
      path,
      expected: expected[field],
      got: manifest[field],
    });
  }
  return {manifest, path};
}
//# sourceMappingURL=manifest.js.map
