/*
 * Take the parts of a packed file out again, byte by byte as they were packed.
 *
 * What a hostile file calls its parts is plain names (elf/packed.ts), each is written to a directory that is held, under a
 * name that must be free, and what does not have the hash that the list says is an error: then everything that was written
 * is removed again.
 */
import {createHash} from 'node:crypto';
import {closeSync, constants, fchmodSync, fsyncSync, openSync, rmdirSync, unlinkSync} from 'node:fs';
import {posix} from 'node:path';
import {openElfSource} from '../elf/open.js';
import {type PackedContents, type PackedPart, packedContents, partSource} from '../elf/packed.js';
import type {ElfView} from '../elf/view.js';
import {ElfError, systemError} from '../errors.js';
import {OpenRoot} from '../loader/open-root.js';
import type {DirFd} from '../source/dir-fd.js';
import type {FileSource} from '../source/file.js';
import type {OnProgress} from '../source/progress.js';
import {readInPieces} from '../source/source.js';
import {absolutePath} from '../source/working-directory.js';
import {writeFully} from '../write/content.js';

/** Where the parts go. */
export interface UnpackOptions {
  /** The directory; it is made when it does not exist. None of the parts may be in it yet. */
  readonly into: string;
  /** Told how far it is. */
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
 * @throws ElfError UNSUPPORTED for a file that is not packed, CONFLICT when a file of that name is there, BAD_ELF for one
 *   that is damaged, FILE_SYSTEM; nothing is left then
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
    return {contents, files: inTarget(machine, into, write)};
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

/** The directory is made if it does not exist, and goes again if that was for nothing. */
function inTarget<T>(machine: OpenRoot, into: string, work: (directory: DirFd) => T): T {
  const made: string[] = [];
  try {
    using directory = enterTarget(machine, into, made);
    return work(directory);
  } catch (error) {
    for (const path of made) removeEmpty(machine, path);
    throw error;
  }
}

function enterTarget(machine: OpenRoot, into: string, made: string[]): DirFd {
  try {
    return machine.enter(absolutePath(into), true, (path) => made.unshift(path));
  } catch (error) {
    throw systemError(into, error, 'cannot create the directory');
  }
}

function removeEmpty(machine: OpenRoot, path: string): void {
  try {
    using above = machine.enter(posix.dirname(path));
    rmdirSync(above.at(posix.basename(path)));
  } catch {
    // Something is in it by now, or it is somewhere else.
  }
}

function writeParts(
  view: ElfView,
  contents: PackedContents,
  directory: DirFd,
  onProgress: OnProgress | undefined,
): string[] {
  const written: string[] = [];
  try {
    for (const part of contents.parts) {
      const name = part.names[0] ?? '';
      const fd = create(directory, name);
      written.push(name);
      try {
        writePart(fd, view, contents, part, onProgress);
      } finally {
        closeSync(fd);
      }
    }
    return written;
  } catch (error) {
    for (const name of written) removeFile(directory, name);
    throw systemError(directory.real, error, 'cannot unpack');
  }
}

function removeFile(directory: DirFd, name: string): void {
  try {
    unlinkSync(directory.at(name));
  } catch {
    // It is gone, and what went wrong before is what counts.
  }
}

function create(directory: DirFd, name: string): number {
  try {
    const {O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW} = constants;
    return openSync(directory.at(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const path = `${directory.real}/${name}`;
    throw new ElfError('CONFLICT', 'a file of this name already exists', {path, expected: 'an unused name'});
  }
}

function writePart(
  fd: number,
  view: ElfView,
  contents: PackedContents,
  part: PackedPart,
  onProgress: OnProgress = () => {},
): void {
  const hash = createHash('sha256');
  const source = partSource(view, contents, part);
  const copy = (bytes: Uint8Array, done: number) => {
    onProgress({step: 'copying', path: part.names[0] ?? '', done, total: part.size});
    hash.update(bytes);
    writeFully(fd, bytes, done);
    return undefined;
  };
  readInPieces(source, 0, part.size, copy, 1 << 20);
  if (hash.digest('hex') !== part.sha256) {
    throw new ElfError('BAD_ELF', `${part.names[0]} inside is damaged`, {
      path: view.path,
      offset: part.offset,
      expected: `SHA-256 ${part.sha256}`,
    });
  }
  fchmodSync(fd, part.mode & 0o755);
  fsyncSync(fd);
}
