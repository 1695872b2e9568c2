import {DT} from '../elf/constants.js';
import {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {fileSource} from '../source/file.js';

/** Which directories may stay. */
export interface ShrinkOptions {
  /** Keep only directories that begin with one of these. Default: any. */
  readonly allowedPrefixes?: readonly string[] | undefined;
}

/**
 * What is left of a file's search path without the directories that have none of its needed libraries. A
 * directory counts for the libraries that no directory before it has. What is not absolute ($ORIGIN and other
 * tokens) stays as it is, since the file may be meant for another place.
 *
 * Reads the file system. Returns undefined when there is no search path.
 * @example
 *   await using file = await openElf('qemu-arm');
 *   const rpath = shrinkSearchPath(file.view);
 *   if (rpath !== undefined) await applyPlan('qemu-arm', planEdit(file.view, {rpath}));
 */
export function shrinkSearchPath(view: ElfView, {allowedPrefixes}: ShrinkOptions = {}): string | undefined {
  const path = view.dynamic?.string(DT.DT_RUNPATH) ?? view.dynamic?.string(DT.DT_RPATH);
  if (path === undefined) return undefined;
  const missing = new Set(view.dynamic?.needed);
  const isAllowed = (directory: string) =>
    allowedPrefixes === undefined || allowedPrefixes.some((prefix) => directory.startsWith(prefix));
  return path
    .split(':')
    .filter((directory) => {
      if (directory !== '' && !directory.startsWith('/')) return true;
      if (!isAllowed(directory)) return false;
      const found = [...missing].filter((name) => isLibraryOf(view, `${directory}/${name}`));
      for (const name of found) missing.delete(name);
      return found.length > 0;
    })
    .join(':');
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
