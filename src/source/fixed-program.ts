import {accessSync, constants} from 'node:fs';

/** Never by PATH, in which somebody else's directory may stand. The last two are NixOS's and Guix's. */
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

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
