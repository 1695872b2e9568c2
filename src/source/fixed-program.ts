import {accessSync, constants, statSync} from 'node:fs';

/** PATH is never used, because it may contain another user's directory. The last two are for NixOS and Guix. */
const directories = [
  '/usr/bin',
  '/bin',
  '/usr/local/bin',
  '/run/current-system/sw/bin',
  '/run/current-system/profile/bin',
];

/** Find a program in the directories where systems install programs; undefined when it is not installed. */
export function findFixedProgram(name: string): string | undefined {
  return directories.map((directory) => `${directory}/${name}`).find(isExecutable);
}

/**
 * Whether this process may run a file. A directory in PATH may contain subdirectories, which have the same permission
 * bits.
 */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
