import {errnoError, systemError} from '../errors.js';
import {findElfFiles, type OnUnreadable} from '../source/walk.js';
import {nameIn, type Root} from './root.js';

/**
 * Yield the path inside a root of every ELF file under a directory, in the order of the names. Links in the way to
 * the directory stay in the root, links below it are not followed.
 *
 * @param onUnreadable is told of what cannot be read below it, and the search goes on
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
