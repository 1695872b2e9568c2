/*
 * A copy beside the target, made by the kernel: shared where the file system can, else in kernel memory.
 *
 * It is created, never opened: in a directory of somebody else a link could stand where the name was free a moment
 * ago. Node's copyFile gives the copy the mode of the original at once, and that with the copying user as its owner;
 * a set-user-ID program would for a moment be set-user-ID root. Such a program is copied by hand and private, and so
 * is one whose mode would keep its own copier from writing.
 */
import {closeSync, constants, copyFileSync, openSync, readSync, writeSync} from 'node:fs';
import {systemError} from '../errors.js';
import {fileSource} from '../source/file.js';

const setIds = 0o6000;
const ownerMayEdit = 0o600;
const pieceLength = 1 << 20;
/**
 * Copy a regular file to a name that is free.
 *
 * @param target the file that is to be written in the end, for the message
 * @throws ElfError FILE_SYSTEM
 */
export function copyToNew(input, copy, target) {
  const source = fileSource(input);
  try {
    const {mode} = source.stats;
    if ((mode & setIds) !== 0 || (mode & ownerMayEdit) !== ownerMayEdit) copyPrivately(input, copy);
    else copyFileSync(input, copy, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    return source.stats;
  } catch (error) {
    throw systemError(target, error, 'cannot write a new file beside it');
  } finally {
    source.close();
  }
}
function copyPrivately(input, copy) {
  const from = openSync(input, 'r');
  try {
    const to = openSync(copy, 'wx', 0o600);
    try {
      const piece = new Uint8Array(pieceLength);
      for (let count = readSync(from, piece); count > 0; count = readSync(from, piece)) {
        for (let done = 0; done < count; ) done += writeSync(to, piece, done, count - done);
      }
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}
//# sourceMappingURL=copy.js.map
