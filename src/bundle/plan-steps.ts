import {posix} from 'node:path';
import {inodeOf, stateAt, stateOf} from '../change/entry.js';
import type {Journal, Preparation} from '../change/journal.js';
import {missingDirectories} from '../change/steps.js';
import type {DirFd} from '../source/dir-fd.js';
import type {ObsoleteFile} from './installed.js';
import type {Manifest, ManifestFile} from './manifest.js';

/** What is replaced of the earlier bundle. */
export interface Replaced {
  /** The library directory that is there, if any. */
  readonly libs: DirFd | undefined;
  /** Whether that belongs to a bundle whose manifest cannot be read; it is then replaced with everything in it. */
  readonly isUnreadable: boolean;
  /** Files that have no place in the new one. */
  readonly obsolete: readonly ObsoleteFile[];
  /** Paths of files that stay as they are. */
  readonly kept: ReadonlySet<string>;
}

/**
 * Plan how to move a staged bundle into place. If the prefix does not exist yet, one rename does it. If it does
 * (debootstrap has made /debootstrap), files are replaced one by one, and the library directory with the manifest comes
 * last.
 *
 * @param replaced what the new bundle replaces or removes of the earlier one
 */
export function journalOf(root: DirFd, manifest: Manifest, replaced: Replaced): Journal {
  const {prefix, libs, files, directories = []} = manifest;
  const missing = missingDirectories(root);
  const [top] = missing(prefix);
  if (top !== undefined)
    return {version: 1, prepare: [], commit: {op: 'moveDirectoryIn', path: top}, finish: []};
  const isApart = (path: string) => !path.startsWith(`${libs}/`);
  const isMoved = ({path}: ManifestFile) => isApart(path) && !replaced.kept.has(path);
  const make = (path: string) => missing(path).map((one) => ({op: 'makeDirectory', path: one}) as const);
  const replace = ({path, role, sha256, size}: ManifestFile): Preparation[] => [
    ...make(posix.dirname(path)),
    {op: 'keepAside', path, state: stateAt(root, path) ?? null},
    {op: 'moveIn', path, role, sha256, size},
  ];
  return {
    version: 1,
    prepare: [
      ...replaced.obsolete.map((file) => ({op: 'putAside', ...file}) as const),
      ...files.filter(isMoved).flatMap(replace),
      ...directories.filter(isApart).flatMap(make),
      putAsideLibraries(libs, replaced),
    ],
    commit: {op: 'moveDirectoryIn', path: missing(libs)[0] ?? libs},
    finish: [],
  };
}

function putAsideLibraries(path: string, {libs, isUnreadable}: Replaced): Preparation {
  if (libs === undefined) return {op: 'putAsideDirectory', path, inode: null};
  return {op: 'putAsideDirectory', path, inode: inodeOf(libs), ...(!isUnreadable && {state: stateOf(libs)})};
}
