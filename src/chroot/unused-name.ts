import path from 'node:path';
import tmp from 'tmp';
import {inWords} from '../errors.js';
import type {DirFd} from '../source/dir-fd.js';

/**
 * Choose a name that nothing in a directory has: PREFIX, the process ID and random letters, with dashes in between.
 *
 * @throws ElfError FILE_SYSTEM if the directory cannot be looked up
 */
export function unusedName({real}: DirFd, prefix: string): string {
  return inWords(real, () => path.basename(tmp.tmpNameSync({tmpdir: real, prefix})));
}
