import {fsyncSync, openSync} from 'node:fs';
import {closeQuietly} from '../source/descriptor.js';

/** Make a rename in a directory survive a power failure. @throws where the disk fails */
export function syncDirectory(path: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    fsyncSync(fd);
  } catch (error) {
    // Some file systems cannot, and a directory need not be readable; what was renamed stays renamed.
    if (diskFailures.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    if (fd !== undefined) closeQuietly(fd);
  }
}

const diskFailures: ReadonlySet<string> = new Set(['EIO', 'ENOSPC', 'EDQUOT']);
