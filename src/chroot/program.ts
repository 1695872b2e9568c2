/*
 * Find a command's program in a chroot as the kernel and execvp(3) would, without running anything. This is for
 * messages that say more than "No such file or directory", so whatever cannot be known from outside (a directory that
 * only the mapped user may read) is left to the kernel.
 */
import {posix} from 'node:path';
import {ElfError, printable} from '../errors.js';
import {usualDirectories} from '../loader/named-program.js';
import type {Root} from '../loader/root.js';

export interface ProgramInside {
  /** As seen from inside. */
  readonly path: string;
  /** The first bytes of the ELF file that would run: of the program, or of the interpreter of its `#!` line. */
  readonly head: Uint8Array;
}

/** The kernel's default path, as execvp has it, and where a chroot's administration programs are. */
export const defaultPath = usualDirectories.join(':');

/** Bytes that the kernel reads of a program before it decides (BINPRM_BUF_SIZE). */
const headLength = 256;

/** The kernel gives up after this many interpreters of interpreters. */
const mostInterpreters = 5;

/**
 * Find a command's program; undefined when it cannot be seen from outside.
 *
 * @param isComplete whether nothing will be mounted over what is seen
 * @throws ElfError BAD_REQUEST (no command), NOT_FOUND (no such program or directory, as far as root can tell)
 */
export function findCommand(
  root: Root,
  command: readonly string[],
  {isComplete, ...lookup}: {searchPath: string | undefined; cwd: string; isComplete: boolean},
): ProgramInside | undefined {
  const [name] = command;
  if (name === undefined || name === '') throw new ElfError('BAD_REQUEST', 'no command to run');
  if (command.some((word) => word.includes('\0'))) {
    throw new ElfError('BAD_REQUEST', 'an argument of the command contains a NUL', {
      got: printable(command.join(' ')),
    });
  }
  const program = findProgram(root, name, lookup);
  // Only root sees every directory; what another user does not see may still be there for the mapped ids.
  if (process.geteuid?.() !== 0 || !isComplete) return program;
  if (!root.resolve(lookup.cwd).found) throw notInside(root, 'directory', lookup.cwd);
  if (program === undefined) throw notInside(root, 'program', name);
  return program;
}

/** The error of a chroot that lacks something. */
function notInside(root: Root, kind: 'program' | 'directory', name: string): ElfError {
  return new ElfError('NOT_FOUND', `the chroot has no ${kind} ${printable(name)}`, {path: root.host});
}

/** Find a command and read how it begins; undefined when that cannot be known from outside. */
function findProgram(
  root: Root,
  command: string,
  {searchPath = defaultPath, cwd = '/'}: {searchPath?: string | undefined; cwd?: string} = {},
): ProgramInside | undefined {
  const directories = command.includes('/') ? [''] : searchPath.split(':');
  for (const directory of directories) {
    const path = posix.resolve(cwd, directory, command);
    const head = readHead(root, path);
    if (head === undefined) continue;
    return {path, head: interpreterHead(root, head)};
  }
  return undefined;
}

/** Follow `#!` lines to the file that the kernel would really start. */
function interpreterHead(root: Root, head: Uint8Array): Uint8Array {
  let current = head;
  for (let depth = 0; depth < mostInterpreters; depth += 1) {
    const interpreter = /^#![ \t]*([^ \t\n\0]+)/.exec(Buffer.from(current).toString('latin1'))?.[1];
    if (interpreter === undefined) break;
    current = readHead(root, Buffer.from(interpreter, 'latin1').toString()) ?? new Uint8Array(0);
  }
  return current;
}

/** The first bytes of a regular file inside, as many as the kernel looks at; undefined when it cannot be read. */
export function readHead(root: Root, path: string): Uint8Array | undefined {
  const there = root.resolve(path);
  if (!there.found) return undefined;
  try {
    const source = root.source(there.host);
    try {
      return Uint8Array.from(source.read(0, Math.min(headLength, source.size)));
    } finally {
      source.close();
    }
  } catch {
    return undefined;
  }
}
