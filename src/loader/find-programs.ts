import {errnoError, systemError} from '../errors.js';
import {findElfFiles, type OnUnreadable} from '../source/walk.js';
import {nameIn, type Root} from './root.js';

/**
 * Yield the path inside a root of every ELF file under a directory, sorted by name. Links on the way to the directory
 * are followed inside the root; links below it are not followed.
 *
 * @param onUnreadable called for anything below it that cannot be read; the search goes on
 * @throws ElfError FILE_SYSTEM when there is no such directory in the root
 */
export function* findElfFilesInside(
  root: Root,
  directory: string,
  onUnreadable?: OnUnreadable,
): Generator<string> {
  const there = root.resolve(directory);
  if (!there.found) throw systemError(nameIn(root, directory), errnoError(there.code));
  const inside = there.inside === '/' ? '' : there.inside;
  const host = there.host === '/' ? '' : there.host;
  for (const path of findElfFiles(there.host, onUnreadable)) yield `${inside}${path.slice(host.length)}`;
}
