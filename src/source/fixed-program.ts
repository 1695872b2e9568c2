import {accessSync, constants, statSync} from 'node:fs';

/** Never by PATH, which may contain another user's directory. The last two are those of NixOS and Guix. */
const directories = [
  '/usr/bin',
  '/bin',
  '/usr/local/bin',
  '/run/current-system/sw/bin',
  '/run/current-system/profile/bin',
];

/** Find a program of the machine where systems install their programs; undefined where it is not installed. */
export function findFixedProgram(name: string): string | undefined {
  return directories.map((directory) => `${directory}/${name}`).find(isExecutable);
}

/** Whether this process may run a file. A directory of PATH may contain others, whose permission has the same bits. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
