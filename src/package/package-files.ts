/*
 * The files of a package on this machine: its ELF files, its package.json, and what an author should know of the rest.
 * Symbolic links are not followed: npm does not pack them, and one may lead anywhere.
 */
import {realpathSync} from 'node:fs';
import {basename, dirname, join, posix} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {requireDepth} from '../source/depth.js';
import {DirFd, openDirectory, type PathFd} from '../source/dir-fd.js';
import {elfMagic, isElfMagic} from '../source/source.js';
import {absolutePath} from '../source/working-directory.js';
import {type PackageFields, readPackageFields} from './package-json.js';
import {isOfRun} from './repair/staging.js';

/** A package, or single files that are treated as one. */
export interface PackageFiles {
  /** The real path of its directory. */
  readonly directory: string;
  readonly fields: PackageFields | undefined;
  /** Paths in the directory, in the order of the names. */
  readonly elfFiles: readonly string[];
  /** What could not be read. */
  readonly problems: readonly ElfError[];
}

/**
 * Find the files of a package directory; `node_modules` below it belongs to other packages, and the staging directory
 * of a repair is not part of it.
 *
 * @param isPacked whether the directory is what npm packed: then `node_modules` is what the package bundles
 * @throws ElfError FILE_SYSTEM, BAD_PACKAGE
 */
export function findPackageFiles(directory: string | DirFd, {isPacked = false} = {}): PackageFiles {
  using top = typeof directory === 'string' ? openDirectory(realPath(directory)) : directory.dup();
  const problems: ElfError[] = [];
  const isPart = (name: string) => (isPacked || name !== 'node_modules') && !isOfRun(name);
  const elfFiles = [
    ...elfFilesIn(top, top.exactNames(), [], {isPart, onProblem: (error) => problems.push(error)}),
  ];
  return {directory: top.real, fields: readFields(top), elfFiles, problems};
}

type OnProblem = (error: ElfError) => void;

interface Walking {
  /** Whether what has this name is part of the package. */
  isPart(name: string): boolean;
  readonly onProblem: OnProblem;
}

/** Each directory is held while its names are used, so that no link is followed, even one put there meanwhile. */
function* elfFilesIn(
  directory: DirFd,
  names: readonly string[],
  above: readonly string[],
  walking: Walking,
): Generator<string> {
  const {isPart, onProblem} = walking;
  for (const name of names) {
    if (!isPart(name)) continue;
    using entry = tryTo(() => stepIn(directory, name), onProblem);
    if (entry instanceof DirFd) {
      // Only its owner may read some directories, which does not stop the walk.
      const inside = tryTo(() => namesIn(entry, above.length + 1), onProblem);
      if (inside !== undefined) yield* elfFilesIn(entry, inside, [...above, name], walking);
    } else if (entry?.stats.isFile() && tryTo(() => isElf(entry), onProblem))
      yield posix.join(...above, name);
  }
}

function namesIn(directory: DirFd, depth: number): string[] {
  requireDepth(depth, directory.real);
  return directory.exactNames();
}

function stepIn(directory: DirFd, name: string): PathFd {
  try {
    return directory.step(name);
  } catch (error) {
    throw systemError(join(directory.real, name), error, 'cannot read');
  }
}

function tryTo<T>(work: () => T, onProblem: OnProblem): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    onProblem(error);
    return undefined;
  }
}

function isElf(entry: PathFd): boolean {
  const source = entry.source();
  try {
    return isElfMagic(source.read(0, Math.min(elfMagic.length, source.size)));
  } finally {
    source.recycle();
  }
}

/** Treat one file as a package of its own, in its directory. */
export function singleFile(path: string): PackageFiles {
  const real = realPath(path);
  return {directory: dirname(real), fields: undefined, elfFiles: [basename(real)], problems: []};
}

function readFields(directory: DirFd): PackageFields | undefined {
  using file = directory.openPath('package.json');
  if (!file?.stats.isFile()) return undefined;
  const source = file.source();
  try {
    return readPackageFields(source, file.real);
  } finally {
    source.close();
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(absolutePath(path));
  } catch (error) {
    throw systemError(path, error);
  }
}

/** Whether a path is the directory's own or in it. */
export function isWithin(directory: string, path: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}
