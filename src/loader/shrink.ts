import {type BigIntStats, readdirSync, statSync} from 'node:fs';
import {DT} from '../elf/constants.js';
import {requireTextPath} from '../elf/search-path.js';
import {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {fileSource} from '../source/file.js';

/** Which directories may stay. */
export interface ShrinkOptions {
  /** Keep only directories that begin with one of these. Default: any. */
  readonly allowedPrefixes?: readonly string[] | undefined;
}

/**
 * A file's search path without the directories that have none of its needed libraries. A directory is only kept for
 * libraries that no directory before it has. An element that is not absolute ($ORIGIN and other tokens) stays as it is,
 * since the file may be meant for another place.
 *
 * Reads the file system. Returns undefined when there is no search path.
 *
 * @throws ElfError UNSAFE_EDIT when an element is not UTF-8, so that text cannot name the directory
 * @example
 *   await using file = await openElf('qemu-arm');
 *   const rpath = shrinkSearchPath(file.view);
 *   if (rpath !== undefined) await applyPlan('qemu-arm', planEdit(file.view, {rpath}));
 */
export function shrinkSearchPath(view: ElfView, {allowedPrefixes}: ShrinkOptions = {}): string | undefined {
  const path = view.dynamic?.string(DT.DT_RUNPATH) ?? view.dynamic?.string(DT.DT_RPATH);
  if (path === undefined) return undefined;
  requireTextPath(view);
  const wanted = new Wanted(view);
  const isAllowed = (directory: string) =>
    allowedPrefixes === undefined || allowedPrefixes.some((prefix) => directory.startsWith(prefix));
  return path
    .split(':')
    .filter((directory) => {
      if (directory !== '' && !directory.startsWith('/')) return true;
      return isAllowed(directory) && wanted.takeFrom(directory);
    })
    .join(':');
}

/** With fewer names left, a directory is asked for each; with more, it is listed. */
const fewNames = 16;

/**
 * The libraries that were not in any directory so far. Each directory is looked at once, even if it has several names.
 */
class Wanted {
  readonly #view: ElfView;
  readonly #missing: Set<string>;
  readonly #seen = new Set<string>();

  constructor(view: ElfView) {
    this.#view = view;
    // A name with a slash is opened as it is, wherever the search path leads.
    this.#missing = new Set(view.dynamic?.needed.filter((name) => !name.includes('/')));
  }

  /** Take the libraries that are in a directory off the list; returns whether there were any. */
  takeFrom(directory: string): boolean {
    const stats = statOf(directory);
    if (stats === undefined || this.#missing.size === 0) return false;
    const identity = `${stats.dev}:${stats.ino}`;
    if (this.#seen.has(identity)) return false;
    this.#seen.add(identity);
    const found = this.#candidatesIn(directory).filter((name) =>
      isLibraryOf(this.#view, `${directory}/${name}`),
    );
    for (const name of found) this.#missing.delete(name);
    return found.length > 0;
  }

  #candidatesIn(directory: string): string[] {
    const names = this.#missing.size > fewNames ? namesIn(directory) : undefined;
    if (names === undefined) return [...this.#missing];
    return names.filter((name) => this.#missing.has(name));
  }
}

function statOf(directory: string): BigIntStats | undefined {
  try {
    const stats = statSync(directory === '' ? '/' : directory, {bigint: true, throwIfNoEntry: false});
    return stats?.isDirectory() ? stats : undefined;
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): string[] | undefined {
  try {
    return readdirSync(directory === '' ? '/' : directory);
  } catch {
    return undefined;
  }
}

/** Whether a file is there that ld.so would take for this program. */
function isLibraryOf({header, format}: ElfView, path: string): boolean {
  try {
    const source = fileSource(path);
    try {
      const library = new ElfView(source);
      return library.header.e_machine === header.e_machine && library.format.elfClass === format.elfClass;
    } finally {
      source.close();
    }
  } catch (error) {
    if (error instanceof ElfError) return false;
    throw error;
  }
}
