import {type Dirent, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {systemError} from '../errors.js';
import {fileSource} from './file.js';

/**
 * Yield every ELF file under a directory, in the order of the names. Symbolic links are not followed; what is no
 * ELF file, or cannot be read below the top, is passed over.
 *
 * @throws ElfError FILE_SYSTEM when the directory itself cannot be read
 * @example
 *   for (const file of findElfFiles('./chroot')) console.log(file);
 */
export function* findElfFiles(directory: string): Generator<string> {
  let entries: Dirent[];
  try {
    entries = readdirSync(directory, {withFileTypes: true});
  } catch (error) {
    throw systemError(directory, error, 'cannot read');
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* findBelow(path);
    else if (entry.isFile() && isElf(path)) yield path;
  }
}

function* findBelow(directory: string): Generator<string> {
  try {
    yield* findElfFiles(directory);
  } catch {
    // A directory that only its owner may read is no reason to stop.
  }
}

function isElf(path: string): boolean {
  try {
    const source = fileSource(path);
    try {
      return source.size >= 4 && Buffer.from(source.read(0, 4)).equals(magic);
    } finally {
      source.recycle();
    }
  } catch {
    return false;
  }
}

const magic = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
