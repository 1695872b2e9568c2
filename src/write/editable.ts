import {accessSync, constants, readFileSync, type Stats} from 'node:fs';
import {type ElfFile, openElfSource} from '../elf/open.js';
import type {ElfView} from '../elf/view.js';
import {ElfError, systemError} from '../errors.js';
import {descriptorPath} from '../source/descriptor.js';
import type {FileSource} from '../source/file.js';
import {findPlace, type Place, type PlaceOptions} from '../source/place.js';

/**
 * An ELF file opened for editing. `applyPlan` changes the file that was opened, in the directory where it was found,
 * even if either is renamed or replaced in the meantime.
 */
export interface EditableElf extends ElfFile {
  readonly path: string;
  /**
   * Make sure that no untrusted link led to the file: root may follow only its own links, and links that belong to the
   * owner of their target. Applying a plan checks this too.
   *
   * @throws ElfError UNTRUSTED_LINK
   */
  requireTrusted(): void;
}

/** How to open a file for editing: with `follow: false` a symbolic link at the end of the path is refused. */
export type EditOptions = PlaceOptions;

/**
 * Open an ELF file to plan an edit and apply the plan, without looking up its path again.
 *
 * @throws ElfError as `openElf`
 * @example
 *   await using file = await openElfToEdit('qemu-arm');
 *   await applyPlan(file, planEdit(file.view, {interpreter: '/debootstrap/qemu-libs/ld.so'}));
 */
export async function openElfToEdit(path: string, options?: EditOptions): Promise<EditableElf> {
  return openElfToEditSync(path, options);
}

/** The synchronous version of `openElfToEdit`. */
export function openElfToEditSync(path: string, options?: EditOptions): EditableElf {
  const target = openTarget(path, options);
  try {
    return new OpenElf(target);
  } catch (error) {
    target.close();
    throw error;
  }
}

/** A file to be changed: its content and its place, both held by descriptors. */
export class Target {
  /** The path as the user gave it. */
  readonly path: string;
  readonly place: Place;
  readonly source: FileSource;

  constructor(path: string, place: Place, source: FileSource) {
    this.path = path;
    this.place = place;
    this.source = source;
  }

  /** A path for calls that need one. */
  get fdPath(): string {
    return descriptorPath(this.source.fd, this.place.real);
  }

  /** Make sure that no untrusted link led to it. @throws ElfError UNTRUSTED_LINK */
  requireTrusted(): void {
    try {
      this.place.requireTrusted(this.source.stats);
      requireOwnLink(this.source.stats, this.place.directory.stats);
    } catch (error) {
      throw error instanceof ElfError ? error.at(this.path) : error;
    }
  }

  /**
   * Refuse a file that the user may not write: it must not be replaced either, even if the directory would allow it.
   */
  requireWritable(): void {
    try {
      accessSync(this.fdPath, constants.W_OK);
    } catch (error) {
      throw systemError(this.path, error, 'cannot write');
    }
  }

  close(): void {
    this.source.close();
    this.place[Symbol.dispose]();
  }
}

/**
 * Where protected_hardlinks (proc_sys_fs(5)) is off, anybody can link any file of the file system into their own directory,
 * and wait for root to edit it.
 */
function requireOwnLink({nlink, uid}: Stats, directory: Stats): void {
  if (process.geteuid?.() !== 0 || nlink === 1 || !mayBeLinked(uid, directory) || hasProtectedLinks()) return;
  throw new ElfError('UNTRUSTED_LINK', 'another user may have created this hard link', {
    expected: 'a single link, or a directory that only root and the owner of the file may write to',
    got: `${nlink} links, in a directory of user ${directory.uid} with mode 0${(directory.mode & 0o7777).toString(8)}`,
  });
}

function mayBeLinked(owner: number, directory: Stats): boolean {
  return (directory.uid !== 0 && directory.uid !== owner) || (directory.mode & 0o022) !== 0;
}

function hasProtectedLinks(): boolean {
  try {
    return readFileSync('/proc/sys/fs/protected_hardlinks', 'latin1').trim() === '1';
  } catch {
    return false;
  }
}

/** Open a regular file once, for all further use. @throws ElfError NOT_A_FILE, FILE_SYSTEM */
export function openTarget(path: string, options?: PlaceOptions): Target {
  const place = findPlace(path, options);
  try {
    return new Target(path, place, place.open(path));
  } catch (error) {
    place[Symbol.dispose]();
    throw error;
  }
}

/** The target of a file that `openElfToEdit` opened. */
export function targetOf(file: EditableElf): Target | undefined {
  return file instanceof OpenElf ? file.target : undefined;
}

class OpenElf implements EditableElf {
  readonly target: Target;
  readonly view: ElfView;
  readonly path: string;

  constructor(target: Target) {
    this.target = target;
    this.path = target.path;
    this.view = openElfSource(target.source).view;
  }

  requireTrusted(): void {
    this.target.requireTrusted();
  }

  async close(): Promise<void> {
    this.target.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
