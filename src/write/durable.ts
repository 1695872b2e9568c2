import {fsyncSync, openSync} from 'node:fs';
import {closeQuietly} from '../source/descriptor.js';

/** Make a rename in a directory survive a power failure. @throws if the disk fails */
export function syncDirectory(path: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    fsyncSync(fd);
  } catch (error) {
    // Some file systems cannot do this, and a directory may be unreadable; the rename itself has succeeded.
    if (diskFailures.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    if (fd !== undefined) closeQuietly(fd);
  }
}

const diskFailures: ReadonlySet<string> = new Set(['EIO', 'ENOSPC', 'EDQUOT']);
