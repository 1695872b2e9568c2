import {findPlace, type PlaceOptions} from '../source/place.js';
import {removeStale} from './workspace.js';

/**
 * Undo edits in place that were interrupted in the directories of some files, and remove what killed edits left there.
 * Do it before a file is opened to be edited: one that is half written may not read as what it is.
 *
 * @returns the names of the files that have their old content again
 * @example
 *   for (const name of undoInterrupted(['qemu-arm'])) console.log(`${name} is what it was`);
 */
export function undoInterrupted(paths: readonly string[], options?: PlaceOptions): string[] {
  const seen = new Set<string>();
  return paths.flatMap((path) => {
    try {
      using place = findPlace(path, options);
      const {dev, ino} = place.directory.stats;
      const key = `${dev}:${ino}`;
      if (seen.has(key)) return [];
      seen.add(key);
      return removeStale(place.directory);
    } catch {
      // What is wrong with the path is said when the file is opened.
      return [];
    }
  });
}
