/*
 * The cache of emulators that were made one file: what is in it, and whether it can be used.
 */
import {ElfError} from '../../errors.js';
import {quoted} from '../../source/shell-word.js';
import {cachePath, findOwnDirectory, requireExec} from '../cache/place.js';
import {cacheLimit, listCached} from '../cache/store.js';
import {doubtful, type Finding, fine} from './finding.js';

export function examineCache(): readonly Finding[] {
  try {
    const path = cachePath();
    using cache = findOwnDirectory(path);
    if (cache === undefined) return [fine('CACHE', 'the cache of packed emulators is empty', path)];
    requireExec(cache);
    const files = listCached(cache);
    const size = files.reduce((sum, file) => sum + file.size, 0);
    const evidence = `${path}: ${toMebibytes(size)} of at most ${toMebibytes(cacheLimit)} MiB`;
    return [fine('CACHE', `packed emulators in the cache: ${files.length}`, evidence)];
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    const what = 'the cache of packed emulators is not used, so each run packs its own';
    const remedy =
      error.code === 'OUTSIDE' && error.path !== undefined
        ? `remove it, or make it accessible only to you: chmod 700 ${quoted(error.path)}`
        : 'set ELFINTERP_CACHE to a directory of yours in which programs can be executed';
    return [doubtful('CACHE', what, error.message, remedy)];
  }
}

function toMebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
