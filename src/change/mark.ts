/*
 * A file that ties a journal to its staging directory.
 *
 * Root may unpack or copy a directory tree that has a staging directory in it, with a journal that somebody wrote so that
 * the next run replaces other files. Root then owns both. But a copy has another inode, and nobody can choose the time
 * at which the kernel says that a file was last changed. Both stay while the staging directory is renamed, and after a
 * reboot.
 */
import {closeSync, fsyncSync, openSync} from 'node:fs';
import type {DirFd} from '../source/dir-fd.js';

export const markName = 'mark';

/** Make the mark in a new staging directory; nothing changes it afterwards. @throws a system error */
export function makeMark(staging: DirFd): void {
  const fd = openSync(staging.at(markName), 'wx', 0o600);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** What a journal says of the mark; undefined if there is none. @throws ElfError FILE_SYSTEM */
export function markIn(staging: DirFd): string | undefined {
  using mark = staging.openPath(markName);
  return mark && `${mark.bigStats.ino}-${mark.bigStats.ctimeNs}`;
}
