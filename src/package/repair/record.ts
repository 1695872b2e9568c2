/*
 * What a repair did, kept beside the libraries that it brought: for those who have to say which software a package ships,
 * and for a later repair. It holds nothing that differs from run to run.
 */
import {readFileSync, unlinkSync, writeFileSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError} from '../../errors.js';
import type {DirFd} from '../../source/dir-fd.js';
import {version} from '../../version.js';
import type {FileAudit} from '../file-audit.js';
import {openFile} from './copy-package.js';
import type {RepairPlan} from './plan.js';
import {inDirectoryOf} from './staging.js';

/** Its name in each directory of libraries. */
const recordName = 'elfinterp.json';

/** The path of the record for a library. */
export function recordBeside(path: string): string {
  return posix.join(posix.dirname(path), recordName);
}

/** One library, as the record has it. */
export interface RecordedLibrary {
  /** File name in the same directory, and SONAME. */
  readonly soname: string;
  /** Where it was taken from, inside the root. */
  readonly source: string;
  /** SHA-256 of that file, in hexadecimal digits. */
  readonly sha256: string;
}

/** Longer than the record of any package. */
const longest = 1 << 22;

/** Write the records of a plan, with what earlier repairs recorded. @returns their paths in the package */
export function writeRecords(top: DirFd, {libraries}: RepairPlan): string[] {
  const directories = [...new Set(libraries.map(({path}) => posix.dirname(path)))].sort();
  return directories.map((directory) => {
    const path = posix.join(directory, recordName);
    const own = libraries.filter((library) => posix.dirname(library.path) === directory);
    const all = new Map<string, RecordedLibrary>(
      readRecord(top, path).map((library) => [library.soname, library]),
    );
    for (const {soname, source, sha256} of own) all.set(soname, {soname, source, sha256});
    const sorted = [...all.values()].sort((a, b) => (a.soname < b.soname ? -1 : 1));
    write(
      top,
      path,
      `${JSON.stringify({version: 1, generator: `elfinterp ${version}`, libraries: sorted}, null, 2)}\n`,
    );
    return path;
  });
}

/** The libraries of earlier repairs that no file of the package needs any more, by their paths. */
export function unusedLibraries(top: DirFd, files: readonly FileAudit[]): string[] {
  const records = new Set(files.map(({path}) => recordBeside(path)));
  const recorded = new Set(
    [...records].flatMap((path) => recordedIn(top, path).map(({soname}) => posix.join(path, '..', soname))),
  );
  const byPath = new Map(files.map((file) => [file.path, file]));
  const queue = files.map(({path}) => path).filter((path) => !recorded.has(path));
  for (const path of queue)
    for (const {path: needed = ''} of byPath.get(path)?.requests ?? [])
      if (recorded.delete(needed)) queue.push(needed);
  return [...recorded].filter((path) => byPath.has(path));
}

function write(top: DirFd, path: string, text: string): void {
  inDirectoryOf(top, path, (directory, name) => {
    // Its name may be a hard link or a symbolic link; the file at the other end stays as it is.
    using there = directory.openPath(name);
    if (there !== undefined) unlinkSync(directory.at(name));
    writeFileSync(directory.at(name), text, {mode: 0o644, flag: 'wx'});
  });
}

/** What an earlier repair recorded; a file of that name that is something else is refused. */
function readRecord(top: DirFd, path: string): RecordedLibrary[] {
  return exists(top, path) ? parseRecord(top, path) : [];
}

/** The same for any directory; if no library comes in there, a file of that name may be something else. */
function recordedIn(top: DirFd, path: string): RecordedLibrary[] {
  try {
    return parseRecord(top, path);
  } catch (error) {
    if (error instanceof ElfError) return [];
    throw error;
  }
}

function parseRecord(top: DirFd, path: string): RecordedLibrary[] {
  using file = openFile(top, path);
  try {
    if (file.stats.size > longest) throw new RangeError('too long');
    const {libraries} = JSON.parse(readFileSync(file.path, 'utf8'));
    if (Array.isArray(libraries) && libraries.every(isLibrary)) return libraries;
    throw new TypeError('not a record');
  } catch (cause) {
    throw new ElfError('CONFLICT', 'not the record of an earlier repair', {path, cause});
  }
}

function exists(top: DirFd, path: string): boolean {
  return inDirectoryOf(top, path, (directory, name) => {
    using there = directory.openPath(name);
    return there !== undefined;
  });
}

function isLibrary(value: unknown): value is RecordedLibrary {
  const {soname, source, sha256} = (value ?? {}) as Record<string, unknown>;
  return [soname, source, sha256].every((field) => typeof field === 'string');
}
