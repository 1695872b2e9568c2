/*
 * A new segment: bytes that fit nowhere in the file go to a LOAD at its end, the extension. One is enough for all edits:
 * see find-extension.ts for how the next edit finds it, open-load.ts for how it is made.
 */
import type {Draft} from './draft.js';
import {findExtension} from './find-extension.js';
import {openExtension} from './open-load.js';
import {appendTo, type Place} from './space.js';

/**
 * Take a place at the end of the extension, which is made if there is none.
 *
 * @throws ElfError NO_ROOM when the file cannot have another segment
 */
export function takeNewPlace(draft: Draft, size: number, align: number): Place {
  const load = findExtension(draft, size + align) ?? openExtension(draft, size + align);
  draft.placed('new-segment');
  return appendTo(draft, load, size, align);
}

/** See that there is an extension with `size` bytes to come. What followed the program header table may move there. */
export function requireExtension(draft: Draft, size: number): void {
  if (findExtension(draft, size) === undefined) openExtension(draft, size);
}

/** Let the extension reach `size` bytes further, if it ends at `end`. */
export function growExtension(draft: Draft, end: number, size: number): boolean {
  const load = findExtension(draft, size);
  if (load === undefined || load.p_offset + load.p_filesz !== end) return false;
  draft.placed('new-segment');
  appendTo(draft, load, size, 1);
  return true;
}
