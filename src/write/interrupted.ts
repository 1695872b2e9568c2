import {join} from 'node:path';
import {systemError} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';
import {findPlace, type Place, type PlaceOptions} from '../source/place.js';
import {type Found, requireWhole, undoAndRemoveStale} from './stale-workspaces.js';

/**
 * Undoes edits in place that were interrupted, and removes what killed edits left, in each directory once. Edits of other
 * users are not undone, nor those that may still be running in another container; set-ID bits and file capabilities that
 * the interrupted edit removed are not restored.
 *
 * @example
 *   const interrupted = new InterruptedEdits((path) => console.log(`${path} is what it was`));
 *   await using file = await openElfToEdit('qemu-arm', {interrupted});
 *   console.log(file.view.interpreter?.path);
 */
export class InterruptedEdits {
  readonly #known = new Map<string, readonly Found[]>();
  readonly #onRestored: (path: string) => void;
  readonly #onIgnored: (path: string, why: string) => void;

  /**
   * @param onRestored called with the path of each file that has its old content again
   * @param onIgnored called with the path of each file whose edit will not be undone, and why: it is gone, or has
   *   changed since
   */
  constructor(
    onRestored: (path: string) => void = () => {},
    onIgnored: (path: string, why: string) => void = () => {},
  ) {
    this.#onRestored = onRestored;
    this.#onIgnored = onIgnored;
  }

  /**
   * Undo those in the directory of a place.
   *
   * @param path of the place, for messages
   * @throws ElfError UNTRUSTED_LINK; or if the file of the place is or may be half written and cannot be restored: BUSY
   *   if another process may be writing to it, UNTRUSTED_LINK, FILE_SYSTEM
   */
  undoAt(place: Place, path: string = place.real): void {
    try {
      place.requireTrusted(place.look());
      this.#undoIn(place);
    } catch (error) {
      const known = systemError(path, error, 'cannot open');
      throw known.path === undefined ? known.at(path) : known;
    }
  }

  #undoIn(place: Place): void {
    const {directory} = place;
    const {key} = directory;
    const found = this.#known.get(key) ?? undoAndRemoveStale(directory);
    if (!this.#known.has(key)) {
      this.#known.set(key, found);
      for (const one of found) this.#report(directory, one);
    }
    requireWhole(found, place);
  }

  #report({real}: DirFd, {file, error, ignored}: Found): void {
    if (file === undefined || error !== undefined) return;
    const path = join(real, file.name);
    if (ignored === undefined) this.#onRestored(path);
    else this.#onIgnored(path, ignored);
  }
}

/**
 * Undo edits in place that were interrupted in the directories of some files, as `InterruptedEdits` does.
 *
 * @param onIgnored as for `InterruptedEdits`
 * @returns the paths of the files that have their old content again
 * @throws ElfError if one of the given files is half written and cannot be restored, or as `openElfToEdit` for a path
 * @example
 *   for (const path of undoInterrupted(['qemu-arm'])) console.log(`${path} is what it was`);
 */
export function undoInterrupted(
  paths: readonly string[],
  options?: PlaceOptions,
  onIgnored?: (path: string, why: string) => void,
): string[] {
  const restored: string[] = [];
  const interrupted = new InterruptedEdits((path) => restored.push(path), onIgnored);
  for (const path of paths) {
    using place = findPlace(path, options);
    interrupted.undoAt(place);
  }
  return restored;
}
