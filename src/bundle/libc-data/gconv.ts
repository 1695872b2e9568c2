/*
 * The character set converters of glibc: modules that iconv(3) opens by their paths, and the lists that say which module
 * converts what.
 *
 * glibc reads the lists in GCONV_PATH, else a cache, which has absolute paths, else the lists in the directory that is
 * built in. A bundle has no cache, and its C library gets the bundle's directory built in, provided that its path is
 * not longer than the one it replaces.
 */
import {posix} from 'node:path';
import {ElfError} from '../../errors.js';
import type {Root} from '../../loader/root.js';
import type {DataFile} from '../data-files.js';
import type {Layout} from '../layout.js';

/** The directory of the modules in a bundle. */
export function gconvDirectory({libs}: Layout): string {
  return posix.join(libs, 'gconv');
}

/** The list without which glibc finds no module. */
export const gconvList = 'gconv-modules';

/** The modules of a root, to be carried. @throws ElfError NOT_FOUND where there are none */
export function gconvFiles(root: Root, builtIn: string, layout: Layout): DataFile[] {
  const there = root.resolve(builtIn);
  const names = there.found && there.stats.isDirectory() ? root.names(there.host) : [];
  if (!names.includes(gconvList)) {
    throw new ElfError('NOT_FOUND', 'no gconv modules were found', {
      path: builtIn,
      expected: `a directory with ${gconvList}, which comes with the C library or with a package such as glibc-gconv-extra`,
    });
  }
  const target = gconvDirectory(layout);
  return names
    .filter((name) => name !== `${gconvList}.cache`)
    .map((name) => ({source: posix.join(builtIn, name), target: posix.join(target, name)}));
}
