/*
 * The files of a package on this machine: its ELF files, its package.json, and what an author should know of the rest.
 * Symbolic links are not followed: npm does not pack them, and one may lead anywhere.
 */
import {lstatSync, realpathSync} from 'node:fs';
import {basename, dirname, join, relative} from 'node:path';
import {type ElfError, systemError} from '../errors.js';
import {fileSource} from '../source/file.js';
import {findElfFiles} from '../source/walk.js';
import {absolutePath} from '../source/working-directory.js';
import {type PackageFields, readPackageFields} from './package-json.js';

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
 * Find the files of a package directory; `node_modules` below it is other packages.
 *
 * @throws ElfError FILE_SYSTEM, BAD_PACKAGE
 */
export function findPackageFiles(directory: string): PackageFiles {
  const real = realPath(directory);
  const problems: ElfError[] = [];
  const elfFiles: string[] = [];
  for (const path of findElfFiles(real, (error) => problems.push(error))) {
    const inside = relative(real, path);
    if (!inside.split('/').includes('node_modules')) elfFiles.push(inside);
  }
  return {directory: real, fields: readFields(real), elfFiles, problems};
}

/** Take one file for a package of its own, in the directory where it is. */
export function singleFile(path: string): PackageFiles {
  const real = realPath(path);
  return {directory: dirname(real), fields: undefined, elfFiles: [basename(real)], problems: []};
}

function readFields(directory: string): PackageFields | undefined {
  const path = join(directory, 'package.json');
  const stats = lstatSync(path, {throwIfNoEntry: false});
  if (!stats?.isFile()) return undefined;
  const source = fileSource(path);
  try {
    return readPackageFields(source, path);
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
