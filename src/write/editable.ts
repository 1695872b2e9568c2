import {accessSync, constants} from 'node:fs';
import {type ElfFile, openElfSource} from '../elf/open.js';
import type {ElfView} from '../elf/view.js';
import {ElfError, systemError} from '../errors.js';
import {descriptorPath} from '../source/descriptor.js';
import type {FileSource} from '../source/file.js';
import {findPlace, type Place, type PlaceOptions} from '../source/place.js';
import type {InterruptedEdits} from './interrupted.js';
import {requireOwnLink} from './own-link.js';

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
export interface EditOptions extends PlaceOptions {
  /** Undo edits in place that were interrupted before the file is opened. Default: leave them. */
  readonly interrupted?: InterruptedEdits | undefined;
}

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

  /**
   * Make sure that it was not closed: another directory may have the descriptor of its directory by now.
   *
   * @throws ElfError FILE_SYSTEM
   */
  requireOpen(): void {
    void this.source.fd;
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

/** Open a regular file once, for all further use. @throws ElfError NOT_A_FILE, FILE_SYSTEM */
export function openTarget(path: string, options?: EditOptions): Target {
  const place = findPlace(path, options);
  try {
    options?.interrupted?.undoAt(place, path);
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
