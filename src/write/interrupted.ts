import {join} from 'node:path';
import {findPlace, type Place, type PlaceOptions} from '../source/place.js';
import {removeStale, type Undone} from './stale-workspaces.js';

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
  readonly #known = new Map<string, readonly Undone[]>();
  readonly #onRestored: (path: string) => void;

  /** @param onRestored called with the path of each file that has its old content again */
  constructor(onRestored: (path: string) => void = () => {}) {
    this.#onRestored = onRestored;
  }

  /**
   * Undo those in the directory of a place.
   *
   * @throws ElfError if the file of the place is half written and cannot be restored: BUSY if another process may be
   *   writing to it, UNTRUSTED_LINK, FILE_SYSTEM
   */
  undoAt({directory, name}: Place): void {
    const key = `${directory.stats.dev}:${directory.stats.ino}`;
    const undone = this.#known.get(key) ?? removeStale(directory);
    if (!this.#known.has(key)) {
      this.#known.set(key, undone);
      for (const one of undone) if (one.error === undefined) this.#onRestored(join(directory.real, one.name));
    }
    const failed = undone.find((one) => one.name === name && one.error !== undefined);
    if (failed?.error !== undefined) throw failed.error;
  }
}

/**
 * Undo edits in place that were interrupted in the directories of some files, as `InterruptedEdits` does.
 *
 * @returns the paths of the files that have their old content again
 * @throws ElfError if one of the given files is half written and cannot be restored, or as `openElfToEdit` for a path
 * @example
 *   for (const path of undoInterrupted(['qemu-arm'])) console.log(`${path} is what it was`);
 */
export function undoInterrupted(paths: readonly string[], options?: PlaceOptions): string[] {
  const restored: string[] = [];
  const interrupted = new InterruptedEdits((path) => restored.push(path));
  for (const path of paths) {
    using place = findPlace(path, options);
    interrupted.undoAt(place);
  }
  return restored;
}
