import {posix} from 'node:path';
import {ElfError} from '../errors.js';
import type {Resolver} from './resolve.js';
import type {Root} from './root.js';
import type {ResolvedTree} from './tree.js';

/** Where programs usually are, for a root without a PATH. */
export const usualDirectories: readonly string[] = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/**
 * The path of the program that a user names: a path, or a name without a slash. If there is no such file in the current
 * directory, the name is looked up in PATH (only on this machine) and where programs usually are.
 *
 * @returns the name itself where there is no such program
 */
export function pathOfProgram(root: Root, name: string): string {
  if (name === '' || name.includes('/') || root.resolve(name).found) return name;
  const path = root.isTrivial ? (process.env.PATH ?? '').split(':') : [];
  const directories = [...path.filter((directory) => directory.startsWith('/')), ...usualDirectories];
  const found = directories.find((directory) => isProgram(root, posix.join(directory, name)));
  return found === undefined ? name : posix.join(found, name);
}

function isProgram(root: Root, path: string): boolean {
  const there = root.resolve(path);
  return there.found && there.stats.isFile() && (there.stats.mode & 0o111n) !== 0n;
}

/**
 * Resolve a program to be copied.
 *
 * @param library instead of that of the resolver's options
 * @throws ElfError NOT_ELF naming the interpreter of a script, and as `resolve` does
 */
export function resolveProgram(resolver: Resolver, path: string, library?: readonly string[]): ResolvedTree {
  try {
    return resolver.resolve(path, library);
  } catch (error) {
    const interpreter =
      error instanceof ElfError && error.code === 'NOT_ELF'
        ? scriptInterpreter(resolver.root, path)
        : undefined;
    if (interpreter === undefined) throw error;
    throw new ElfError('NOT_ELF', `this is a script for ${interpreter}`, {
      path,
      expected: 'that program, with the script as an additional file',
      value: interpreter,
    });
  }
}

/**
 * The interpreter named in the first line of a script, of which the kernel reads only `longestHead` bytes
 * (BINPRM_BUF_SIZE).
 */
export function scriptInterpreter(root: Root, path: string): string | undefined {
  const there = root.resolve(path);
  if (!there.found) return undefined;
  const source = root.source(there.host);
  try {
    const head = Buffer.from(source.read(0, Math.min(longestHead, source.size))).toString('latin1');
    return /^#![ \t]*([^ \t\n\0]+)/.exec(head)?.[1];
  } finally {
    source.close();
  }
}

export const longestHead = 256;
