import {join} from 'node:path';
import {ElfError} from '../errors.js';
import {isExecutable} from '../source/fixed-program.js';

/** The machine's programs that this part needs, and the Debian package of each. */
const packages = {
  env: 'coreutils',
  script: 'bsdutils',
  sh: 'dash',
  ln: 'coreutils',
  mkdir: 'coreutils',
  mount: 'mount',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  newuidmap: 'uidmap',
  newgidmap: 'uidmap',
  debootstrap: 'debootstrap',
} as const;

type Tool = keyof typeof packages;

/** Find a program of the machine, whatever PATH says: a user's PATH often lacks the sbin directories. */
export function findTool(tool: Tool): string {
  const path = locateProgram(tool);
  if (path !== undefined) return path;
  const expected = `${tool}, of Debian's package ${packageOf(tool)}`;
  throw new ElfError('NOT_FOUND', `the program ${tool} is not installed on this machine`, {expected});
}

/** The Debian package of a program. */
export function packageOf(tool: Tool): string {
  return packages[tool];
}

export function hasTool(tool: Tool): boolean {
  return locateProgram(tool) !== undefined;
}

/** Find an executable file in PATH and where administration programs are. */
export function locateProgram(name: string): string | undefined {
  const own = (process.env.PATH ?? '').split(':').filter((directory) => directory.startsWith('/'));
  const directories = [...own, '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}
