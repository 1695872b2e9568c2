import {type Dirent, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {fileSource} from './file.js';
import {elfMagic, isElfMagic} from './source.js';

/** Called for each file or directory below the top that cannot be read; by default they are skipped. */
export type OnUnreadable = (error: ElfError) => void;

/**
 * Yield every ELF file under a directory, in the order of the names. Symbolic links are not followed, and files that
 * are not ELF are skipped.
 *
 * @param onUnreadable called for whatever cannot be read below the top; the search goes on
 * @throws ElfError FILE_SYSTEM when the directory itself cannot be read
 * @example
 *   for (const file of findElfFiles('./chroot')) console.log(file);
 */
export function* findElfFiles(directory: string, onUnreadable: OnUnreadable = () => {}): Generator<string> {
  let entries: Dirent[];
  try {
    entries = readdirSync(directory, {withFileTypes: true});
  } catch (error) {
    throw systemError(directory, error, 'cannot read');
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* findBelow(path, onUnreadable);
    else if (entry.isFile() && isElf(path, onUnreadable)) yield path;
  }
}

/** A directory that only its owner may read does not stop the walk. */
function* findBelow(directory: string, onUnreadable: OnUnreadable): Generator<string> {
  try {
    yield* findElfFiles(directory, onUnreadable);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    onUnreadable(error);
  }
}

function isElf(path: string, onUnreadable: OnUnreadable): boolean {
  try {
    const source = fileSource(path);
    try {
      return isElfMagic(source.read(0, Math.min(elfMagic.length, source.size)));
    } finally {
      source.recycle();
    }
  } catch (error) {
    onUnreadable(systemError(path, error, 'cannot read'));
    return false;
  }
}
