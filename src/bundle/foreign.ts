/*
 * Refuse to replace files that are in a bundle's place but belong to no bundle: no one asked for that.
 */
import {posix} from 'node:path';
import {hasEntry} from '../change/entry.js';
import {hasFile} from '../change/steps.js';
import {ElfError} from '../errors.js';
import {enter} from '../loader/inside.js';
import type {DirFd} from '../source/dir-fd.js';
import {type Manifest, type ManifestFile, manifestPath, ownDirectories} from './manifest.js';

/**
 * Programs and data are replaced file by file, the library directory as a whole: so every file in it must be listed by
 * the earlier bundle or by this one. Replacing a file with the same bytes loses nothing.
 *
 * @param bundles the existing bundle, whose files are replaced, and the new one
 * @param isUnreadable whether there is a bundle whose manifest can no longer be read; it is then made again
 * @param libs the existing library directory
 * @throws ElfError CONFLICT naming the first file that no bundle put there
 */
export function refuseForeignFiles(
  root: DirFd,
  {earlier, manifest: coming}: {earlier: Manifest | undefined; manifest: Manifest},
  isUnreadable: boolean,
  libs: DirFd | undefined,
): void {
  if (isUnreadable) return;
  const own = new Set(earlier && [...earlier.files.map(({path}) => path), manifestPath(earlier)]);
  const planned = new Map(coming.files.map((file) => [file.path, file]));
  const directories = new Set(earlier && [earlier, coming].flatMap(ownDirectories));
  const unlisted = libs === undefined ? [] : unlistedIn(libs, coming.libs, own, directories);
  const added = [...planned.keys()].filter((path) => !own.has(path));
  // Look in the open library directory that will be replaced, not in whatever has its name by now.
  const isLost = (path: string, file: ManifestFile | undefined) => {
    if (!path.startsWith(`${coming.libs}/`)) return isOther(root, path, file);
    return libs !== undefined && isOther(libs, path.slice(coming.libs.length), file);
  };
  const foreign = [...new Set([...unlisted, ...added])].filter((path) => isLost(path, planned.get(path)));
  const [first] = foreign;
  if (first === undefined) return;
  const more = foreign.length > 1 ? `, and ${foreign.length - 1} more` : '';
  throw new ElfError('CONFLICT', `this file was not installed by a bundle, and would be replaced${more}`, {
    path: posix.join(root.real, first),
    expected: 'nothing, or a file that the manifest lists; move it away, or choose another prefix',
  });
}

/** Whether there is something other than the planned file at a path in a directory. */
function isOther(top: DirFd, path: string, planned: ManifestFile | undefined): boolean {
  if (!hasFile(top, path)) return false;
  using directory = enter(top, posix.dirname(path));
  return (
    planned === undefined || directory === undefined || !hasEntry(directory, posix.basename(path), planned)
  );
}

/** Everything that is not one of the bundle's files; a directory that is not the bundle's is named as a whole. */
function unlistedIn(
  directory: DirFd,
  path: string,
  files: ReadonlySet<string>,
  directories: ReadonlySet<string>,
): string[] {
  return directory.exactNames().flatMap((name) => {
    const below = posix.join(path, name);
    using entry = directory.openPath(name);
    if (!entry?.stats.isDirectory()) return files.has(below) ? [] : [below];
    using inner = directories.has(below) ? directory.directory(name) : undefined;
    return inner === undefined ? [below] : unlistedIn(inner, below, files, directories);
  });
}
