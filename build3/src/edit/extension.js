/*
 * Rung 3: bytes that fit nowhere in the file go to a LOAD at its end, the extension. One is enough for all edits:
 * see find-extension.ts for how the next edit finds it, open-load.ts for how it is made.
 */
import {roundUp} from '../elf/notes.js';
import {Shdr} from '../elf/records.js';
import {findExtension} from './find-extension.js';
import {openExtension} from './open-load.js';
import {appendTo} from './space.js';
/**
 * Take a place at the end of the extension, which is made if there is none.
 *
 * @throws ElfError NO_ROOM when the file cannot have another segment
 */
export function takeNewPlace(draft, size, align) {
  const load = findExtension(draft) ?? openExtension(draft);
  draft.climb(3);
  const end = load.p_offset + load.p_filesz;
  giveWay(draft, end, roundUp(end, align) + size);
  return appendTo(draft, load, size, align);
}
/** See that there is an extension. What stood behind the program header table may move into it. */
export function requireExtension(draft) {
  if (findExtension(draft) === undefined) openExtension(draft);
}
/** Let the extension reach `size` bytes further, if it ends at `end`. */
export function growExtension(draft, end, size) {
  const load = findExtension(draft);
  if (load === undefined || load.p_offset + load.p_filesz !== end) return false;
  draft.climb(3);
  giveWay(draft, end, end + size);
  appendTo(draft, load, size, 1);
  return true;
}
/** Section headers behind the extension stay behind it. */
function giveWay(draft, end, newEnd) {
  const start = draft.sectionHeaderOffset;
  if (start < end || draft.sectionHeaders.length === 0 || start >= newEnd) return;
  const size = draft.sectionHeaders.length * Shdr.size(draft.view.format.elfClass);
  draft.clear(start, size, 'the place of the section headers');
  draft.sectionHeaderOffset = roundUp(newEnd, 8);
  draft.size = draft.sectionHeaderOffset + size;
}
//# sourceMappingURL=extension.js.map
