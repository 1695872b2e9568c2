/*
 * What is where a bundle goes and does not belong to a bundle: no one asked for it to be replaced.
 */
import {posix} from 'node:path';
import {hasEntry} from '../change/entry.js';
import {hasFile} from '../change/steps.js';
import {ElfError} from '../errors.js';
import {enter} from '../loader/inside.js';
import type {DirFd} from '../source/dir-fd.js';
import {type Manifest, type ManifestFile, manifestPath, ownDirectories} from './manifest.js';

/**
 * Programs and data are replaced file by file, the library directory as a whole: so nothing may be in it that neither
 * the bundle before nor this one lists. Replacing something by the same bytes loses nothing.
 *
 * @param bundles the bundle that is there, whose files give way, and the one that takes its place
 * @param isUnreadable whether a bundle is there whose list can no longer be read, which is then made anew
 * @param libs the library directory that is there
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
  // In the library directory that is held and gives way, not in what has its name by now.
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

/** Whether a path in a directory has something other than what comes. */
function isOther(top: DirFd, path: string, planned: ManifestFile | undefined): boolean {
  if (!hasFile(top, path)) return false;
  using directory = enter(top, posix.dirname(path));
  return (
    planned === undefined || directory === undefined || !hasEntry(directory, posix.basename(path), planned)
  );
}

/** What is neither a bundle's file nor in a bundle's directory; one that is not the bundle's is named as a whole. */
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
