import {ElfError} from '../errors.js';

/**
 * The deepest nesting of directories: far more than programs and packages have, and few enough to hold them all open.
 */
const deepest = 256;

/**
 * Refuse directories that are nested too deeply.
 *
 * @param depth how many directories are above this one, up to the one that was named
 * @throws ElfError UNSUPPORTED
 */
export function requireDepth(depth: number, path: string): void {
  if (depth <= deepest) return;
  throw new ElfError('UNSUPPORTED', 'the directories are nested too deeply', {
    path,
    expected: `at most ${deepest} directories inside one another`,
  });
}
