/*
 * A command's working directory inside: the caller's own, if it is visible there.
 */
import {posix} from 'node:path';
import {Root} from '../loader/root.js';
import {workingDirectory} from '../source/working-directory.js';
import {type BindMount, placesOf} from './mounts.js';

/**
 * Find the caller's working directory inside: below the chroot, or in a directory that is mounted into it.
 *
 * @returns a path inside; `/` when it is neither, and when the directory was deleted
 */
export function workingDirectoryInside(
  root: Root,
  binds: readonly BindMount[],
  cwd = callersDirectory(),
): string {
  if (cwd === undefined) return '/';
  const machine = new Root();
  const mounted = binds.map(placesOf).flatMap(({source, target}) => {
    const from = machine.resolve(source);
    return from.found ? [{from: from.host, to: target}] : [];
  });
  // The last mount covers those before it, and all of them the chroot's own directories.
  for (const {from, to} of [...mounted.reverse(), {from: root.host, to: '/'}]) {
    const path = posix.relative(from, cwd);
    if (path !== '..' && !path.startsWith('../')) return posix.join(to, path);
  }
  return '/';
}

function callersDirectory(): string | undefined {
  try {
    return workingDirectory();
  } catch {
    return undefined;
  }
}
