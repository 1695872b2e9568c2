import {isAbsolute, resolve} from 'node:path';
import {ElfError, errnoError, systemError} from '../errors.js';

/**
 * The directory that relative paths start in.
 *
 * @throws ElfError FILE_SYSTEM when it was deleted
 */
export function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new ElfError('FILE_SYSTEM', 'the working directory was deleted', {
      expected: 'absolute paths, or a working directory that exists',
      cause,
    });
  }
}

/**
 * Make a path absolute. Only a relative one needs a working directory. An empty path names nothing, as in the kernel: a
 * script with an unset variable does not mean its working directory.
 *
 * @throws ElfError FILE_SYSTEM
 */
export function absolutePath(path: string): string {
  if (path === '') throw systemError(path, errnoError('ENOENT'));
  return isAbsolute(path) ? resolve(path) : resolve(workingDirectory(), path);
}
