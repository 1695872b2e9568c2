/*
 * Owner, mode, ACL, extended attributes and capabilities of the files of a repaired package: those of the files that
 * they were made from, by the rules of an edit (write/replacement.ts).
 *
 * A mode alone would not do: where there is an ACL, the bits of the group are its mask, and without it they would be
 * granted to the group itself.
 */
import {closeSync, constants, fchmodSync, fstatSync, openSync, renameSync} from 'node:fs';
import {ElfError, systemError} from '../../errors.js';
import {closeQuietly} from '../../source/descriptor.js';
import type {DirFd} from '../../source/dir-fd.js';
import type {FileSource} from '../../source/file.js';
import {type AttributeCopy, copyAttributes} from '../../write/attributes.js';
import {keepOwner, setMode} from '../../write/metadata.js';
import {Workspaces} from '../../write/workspace.js';
import {openFile} from './copy-package.js';
import {inDirectoryOf} from './staging.js';

/** At most this many files are open at a time, each twice; a workspace has room for more. */
const atATime = 100;

/**
 * Give files of a staging directory what the files of the package have.
 *
 * @param owner whether they get the owner, too
 * @returns what could not be kept, in words
 * @throws ElfError CHANGED, FILE_SYSTEM
 */
export function keepAttributes(
  top: DirFd,
  made: DirFd,
  paths: readonly string[],
  owner: 'sameOwner' | 'ownOwner',
): string[] {
  const lost = new Map<string, string[]>();
  for (let at = 0; at < paths.length; at += atATime) {
    for (const {path, notes} of keepSome(top, made, paths.slice(at, at + atATime), owner))
      for (const note of notes) addTo(lost, note, path);
  }
  return [...lost].map(([note, files]) => `${someOf(files)}: ${note}`);
}

function addTo(lost: Map<string, string[]>, note: string, path: string): void {
  const known = lost.get(note);
  if (known === undefined) lost.set(note, [path]);
  else known.push(path);
}

/** A few show what is meant. */
function someOf(paths: readonly string[]): string {
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : '';
  return `${paths.slice(0, 3).join(', ')}${more}`;
}

interface Kept {
  readonly path: string;
  readonly original: FileSource;
  readonly copy: AttributeCopy;
  /** The new file. */
  readonly fd: number;
  readonly notes: string[];
  /** Whether the notes already say that the owner differs. */
  readonly isOwnerSaid: boolean;
}

function keepSome(
  top: DirFd,
  made: DirFd,
  paths: readonly string[],
  owner: 'sameOwner' | 'ownOwner',
): readonly Kept[] {
  const workspaces = new Workspaces();
  const files: Kept[] = [];
  try {
    for (const path of paths) files.push(moveAside(top, made, path, workspaces, owner));
    const complaints = copyAttributes(files.map(({copy}) => copy));
    for (const [i, file] of files.entries()) {
      const complaint = complaints[i];
      if (complaint !== undefined) file.notes.push(complaint);
      moveBack(made, file);
    }
    return files;
  } catch (error) {
    throw error instanceof ElfError ? error : systemError(made.real, error, 'cannot write');
  } finally {
    for (const {original, fd} of files) {
      original.close();
      closeQuietly(fd);
    }
    workspaces.remove();
  }
}

/** Move a file into a workspace, under the number by which cp gets it. */
function moveAside(
  top: DirFd,
  made: DirFd,
  path: string,
  workspaces: Workspaces,
  owner: 'sameOwner' | 'ownOwner',
): Kept {
  using entry = openFile(top, path);
  const original = entry.source();
  let fd: number | undefined;
  try {
    const {workspace, number, fd: empty} = workspaces.create(made);
    closeSync(empty);
    inDirectoryOf(made, path, (directory, name) => renameSync(directory.at(name), workspace.path(number)));
    fd = openSync(workspace.path(number), constants.O_RDONLY | constants.O_NOFOLLOW);
    const notes = owner === 'sameOwner' ? keepOwner(fd, original.stats) : [];
    // cp opens it for writing, which its own mode may forbid.
    fchmodSync(fd, 0o600);
    const {uid, gid} = fstatSync(fd);
    // Capabilities are granted to a file of this owner. Only root could copy them.
    const isOther = (uid !== original.stats.uid || gid !== original.stats.gid) && process.geteuid?.() === 0;
    const kinds = isOther ? (['mode'] as const) : (['mode', 'xattr'] as const);
    const copy = {fd: original.fd, workspace, number, kinds, to: 'workspace'} as const;
    return {path, original, copy, fd, notes, isOwnerSaid: notes.length > 0};
  } catch (error) {
    original.close();
    if (fd !== undefined) closeQuietly(fd);
    throw error;
  }
}

function moveBack(made: DirFd, {path, original, copy, fd, notes, isOwnerSaid}: Kept): void {
  const {workspace, number} = copy;
  notes.push(...setMode(fd, original.stats, isOwnerSaid));
  inDirectoryOf(made, path, (directory, name) => renameSync(workspace.path(number), directory.at(name)));
}
