/*
 * Extract the parts of a packed file, byte for byte as they were packed.
 *
 * The list of parts may be hostile. Its names are plain (elf/packed.ts); each part is written to a workspace in the
 * directory, which is held by its descriptor; and only when all have the listed hashes do they get their names, which
 * must be unused. A run that is killed leaves complete parts or none, and the next one goes on from there.
 */
import {createHash} from 'node:crypto';
import {fchmodSync, fsyncSync, linkSync, lstatSync, renameSync, unlinkSync} from 'node:fs';
import {posix} from 'node:path';
import {inodeOf, isEntry} from '../change/entry.js';
import {openElfSource} from '../elf/open.js';
import {type PackedContents, type PackedPart, packedContents, partSource} from '../elf/packed.js';
import type {ElfView} from '../elf/view.js';
import {ElfError, systemError} from '../errors.js';
import {inDirectory} from '../loader/new-directory.js';
import {OpenRoot} from '../loader/open-root.js';
import {closeQuietly} from '../source/descriptor.js';
import type {DirFd} from '../source/dir-fd.js';
import type {FileSource} from '../source/file.js';
import type {OnProgress} from '../source/progress.js';
import {readInPieces} from '../source/source.js';
import {absolutePath} from '../source/working-directory.js';
import {writeFully} from '../write/content.js';
import {syncDirectory} from '../write/durable.js';
import {type Workspace, workspaceIn} from '../write/workspace.js';

/** Where the parts go. */
export interface UnpackOptions {
  /**
   * The directory; it is created if it does not exist. A part that is already in it is left alone; any other file of
   * that name is an error.
   */
  readonly into: string;
  /** Called with the progress. */
  readonly onProgress?: OnProgress | undefined;
}

/** What was unpacked. */
export interface UnpackResult {
  readonly contents: PackedContents;
  /** Names of the files in the directory, in the order of the parts; a part has one file, under its first name. */
  readonly files: readonly string[];
}

/**
 * Unpack a packed file.
 *
 * @throws ElfError UNSUPPORTED for a file that is not packed, CONFLICT if a file of that name already exists, BAD_ELF
 *   for a damaged packed file, FILE_SYSTEM; nothing is left behind then
 * @example
 *   const {files} = await unpack('qemu-arm-packed', {into: 'parts'});
 *   console.log(files[0]); // qemu-arm
 */
export async function unpack(path: string, {into, onProgress}: UnpackOptions): Promise<UnpackResult> {
  using machine = OpenRoot.toCopyFrom();
  const file = openElfSource(open(machine, path));
  try {
    const contents = packedContents(file.view);
    if (contents === undefined) {
      throw new ElfError('UNSUPPORTED', 'the file is not packed', {
        path,
        expected: 'a file that elfinterp packed',
      });
    }
    const write = (directory: DirFd) => writeParts(file.view, contents, directory, onProgress);
    return {contents, files: inDirectory(machine, into, write)};
  } finally {
    await file.close();
  }
}

function open(machine: OpenRoot, path: string): FileSource {
  try {
    return machine.source(absolutePath(path));
  } catch (error) {
    throw error instanceof ElfError ? error.at(path) : error;
  }
}

/** Write all parts, or none if one of them cannot be unpacked. */
function writeParts(
  view: ElfView,
  contents: PackedContents,
  directory: DirFd,
  onProgress: OnProgress | undefined,
): string[] {
  const placed: {name: string; inode: string}[] = [];
  let workspace: Workspace | undefined;
  try {
    workspace = workspaceIn(directory);
    const made = new Map<string, string>();
    for (const part of contents.parts) {
      if (isThere(directory, part)) continue;
      const {number, fd} = workspace.create();
      writePart(fd, view, contents, part, onProgress);
      made.set(nameOf(part), workspace.path(number));
    }
    for (const [name, path] of made) {
      const {dev, ino} = lstatSync(path, {bigint: true});
      placeUnder(directory, name, path);
      placed.push({name, inode: `${dev}:${ino}`});
    }
    syncDirectory(directory.path);
    return contents.parts.map(nameOf);
  } catch (error) {
    for (const {name, inode} of placed) removePlaced(directory, name, inode);
    throw systemError(directory.real, error, 'cannot unpack');
  } finally {
    workspace?.remove();
  }
}

function nameOf({names: [name = '']}: PackedPart): string {
  return name;
}

function modeOf({mode}: PackedPart): number {
  return mode & 0o755;
}

/** Whether a run that was interrupted placed this part already. @throws ElfError CONFLICT for any other file */
function isThere(directory: DirFd, part: PackedPart): boolean {
  const name = nameOf(part);
  using there = directory.openPath(name);
  if (there === undefined) return false;
  const {sha256, size} = part;
  const isOwn = there.stats.uid === process.geteuid?.();
  if (isOwn && isEntry(directory, name, there, {role: 'data', sha256, size, mode: modeOf(part)})) return true;
  throw taken(directory, name);
}

/** Write a part to an open, empty file, and close it. */
function writePart(
  fd: number,
  view: ElfView,
  contents: PackedContents,
  part: PackedPart,
  onProgress: OnProgress = () => {},
): void {
  try {
    const hash = createHash('sha256');
    const source = partSource(view, contents, part);
    const copy = (bytes: Uint8Array, done: number) => {
      onProgress({step: 'copying', path: nameOf(part), done, total: part.size});
      hash.update(bytes);
      writeFully(fd, bytes, done);
      return undefined;
    };
    readInPieces(source, 0, part.size, copy, 1 << 20);
    if (hash.digest('hex') !== part.sha256) {
      throw new ElfError('BAD_ELF', `${nameOf(part)} inside is damaged`, {
        path: view.path,
        offset: part.offset,
        expected: `SHA-256 ${part.sha256}`,
      });
    }
    fchmodSync(fd, modeOf(part));
    fsyncSync(fd);
  } finally {
    closeQuietly(fd);
  }
}

/** A hard link never takes a name that is in use, and follows no link there. Not every file system supports them. */
function placeUnder(directory: DirFd, name: string, path: string): void {
  try {
    linkSync(path, directory.at(name));
  } catch (error) {
    const {code = ''} = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw taken(directory, name);
    if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes(code)) throw error;
    using there = directory.openPath(name);
    if (there !== undefined) throw taken(directory, name);
    renameSync(path, directory.at(name));
  }
}

function taken(directory: DirFd, name: string): ElfError {
  const path = posix.join(directory.real, name);
  return new ElfError('CONFLICT', 'a file of this name already exists', {path, expected: 'an unused name'});
}

/** Remove a placed file, unless another one has its name by now. */
function removePlaced(directory: DirFd, name: string, inode: string): void {
  try {
    using there = directory.openPath(name);
    if (there !== undefined && inodeOf(there) === inode) unlinkSync(directory.at(name));
  } catch {
    // The error that led here is the one to report.
  }
}
