/*
 * Lists of directories: DT_RPATH, DT_RUNPATH, LD_LIBRARY_PATH, as glibc takes them apart (fillin_rpath).
 *
 * A directory is kept the way the loader prints it: with exactly one slash at its end, or as the empty string for
 * the current directory. A file in it is then simply `directory + name`.
 */
import {withoutSlashesAtEnd} from '../source/slashes.js';

/**
 * Split a list into directories, without duplicates.
 *
 * @param expand replaces the tokens of one element; undefined drops it. An element that is empty as written means
 * the current directory, one that becomes empty is dropped.
 */
export function splitSearchPath(
  list: string,
  separator: RegExp | string,
  expand: (element: string) => string | undefined,
): string[] {
  const directories = new Set<string>();
  for (const element of list.split(separator)) {
    const expanded = element === '' ? '' : expand(element);
    if (expanded === undefined || (expanded === '' && element !== '')) continue;
    directories.add(expanded === '' ? '' : withSlash(expanded));
  }
  return [...directories];
}

/** The same directory with one slash at its end. */
export function withSlash(directory: string): string {
  return `${withoutSlashesAtEnd(directory)}/`;
}

/** The directory of a file, without a slash at the end; `/` for the root. */
export function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}
