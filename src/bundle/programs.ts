import {posix} from 'node:path';
import {ElfError} from '../errors.js';

/** A program to bundle, and the place for it. */
export interface BundleProgram {
  /** Its path in the root that the bundle is made from, or a name to look up in PATH. */
  readonly source: string;
  /**
   * Where it goes: an absolute path under the prefix, or a path relative to the prefix; with a trailing slash, the
   * directory that it goes into under its own name. Default: its name, in the prefix.
   */
  readonly target?: string | undefined;
}

/** Normalize the list of requested programs. @throws ElfError BAD_REQUEST if one is not a program */
export function namedPrograms(programs: readonly (string | BundleProgram)[]): BundleProgram[] {
  if (Array.isArray(programs))
    return programs.map((program) => (typeof program === 'string' ? {source: program} : program));
  throw new ElfError('BAD_REQUEST', 'not a list of programs', {
    expected: 'an array of paths',
    got: typeof programs,
  });
}

/** The name that a program will have. */
export function nameOf({source, target}: BundleProgram): string {
  const name = posix.basename(target === undefined || target.endsWith('/') ? source : target);
  return name === '' || name === '.' || name === '..' ? 'program' : name;
}
