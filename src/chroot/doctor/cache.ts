/*
 * The cache of emulators that were made one file: what is in it, and whether it can be used.
 */
import {ElfError} from '../../errors.js';
import {quoted} from '../../source/shell-word.js';
import {cachePath, findOwnDirectory} from '../cache/place.js';
import {cacheLimit, listCached} from '../cache/store.js';
import {doubtful, type Finding, fine} from './finding.js';

export function examineCache(): readonly Finding[] {
  const path = cachePath();
  try {
    using cache = findOwnDirectory(path);
    if (cache === undefined) return [fine('CACHE', 'the cache of packed emulators is empty', path)];
    const files = listCached(cache);
    const size = files.reduce((sum, file) => sum + file.size, 0);
    const evidence = `${path}: ${toMebibytes(size)} of at most ${toMebibytes(cacheLimit)} MiB`;
    return [fine('CACHE', `packed emulators in the cache: ${files.length}`, evidence)];
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    const what = 'the cache of packed emulators is not used, so each run packs its own';
    const remedy = `remove it, or make it accessible only to you: chmod 700 ${quoted(error.path ?? path)}`;
    return [doubtful('CACHE', what, error.message, remedy)];
  }
}

function toMebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
