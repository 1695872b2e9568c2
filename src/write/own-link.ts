import {readFileSync, type Stats} from 'node:fs';
import {ElfError} from '../errors.js';

/**
 * Where protected_hardlinks (proc_sys_fs(5)) is off, anybody can link any file of the file system into their own directory,
 * and wait for root to edit it.
 *
 * @throws ElfError UNTRUSTED_LINK
 */
export function requireOwnLink({nlink, uid}: Stats, directory: Stats): void {
  if (process.geteuid?.() !== 0 || nlink === 1 || !mayBeLinked(uid, directory) || hasProtectedLinks()) return;
  throw new ElfError('UNTRUSTED_LINK', 'another user may have created this hard link', {
    expected: 'a single link, or a directory that only root and the owner of the file may write to',
    got: `${nlink} links, in a directory of user ${directory.uid} with mode 0${(directory.mode & 0o7777).toString(8)}`,
  });
}

function mayBeLinked(owner: number, directory: Stats): boolean {
  return (directory.uid !== 0 && directory.uid !== owner) || (directory.mode & 0o022) !== 0;
}

function hasProtectedLinks(): boolean {
  try {
    return readFileSync('/proc/sys/fs/protected_hardlinks', 'latin1').trim() === '1';
  } catch {
    return false;
  }
}
