/*
 * Files of a chroot that both sides use: elfinterp reads or opens them from outside, the kernel and the programs
 * find them from inside. A symbolic link on the way could mean a different file to each, and a chroot may have been
 * prepared by somebody who hopes for that. `bundle` writes no such link, so none is followed.
 */
import {posix} from 'node:path';
import {ElfError} from '../errors.js';
import type {Root} from '../loader/root.js';

/**
 * Find a file of a bundle.
 *
 * @param path absolute and normal, seen from inside
 * @returns its path on this machine; undefined when it does not exist
 * @throws ElfError OUTSIDE when a symbolic link stands on the way, wherever it leads
 */
export function findOwn(root: Root, path: string): string | undefined {
  const there = root.resolve(path);
  const end = there.found ? there.inside : posix.join(there.reached, ...there.rest);
  if (end !== path || (!there.found && there.code === 'ELOOP')) {
    throw new ElfError('OUTSIDE', `${path} is reached through a symbolic link`, {
      path: root.host,
      expected: 'directories and files of its own',
      got: end === path ? 'links in a circle' : `a way to ${end}`,
    });
  }
  return there.found ? there.host : undefined;
}
