/*
 * `.note.dlopen`: what an object says itself that it opens with dlopen(3), which DT_NEEDED does not show.
 *
 * The note has the owner FDO, the type 0x407c0c0a and JSON as its description: an array of objects whose `soname`
 * is an array of alternatives, the best first (https://uapi-group.org/specifications/specs/elf_dlopen_metadata/).
 * A first draft had one object with one string; files with that exist. Whatever does not read like either is left out.
 */
import {NT} from '../elf/constants.js';
import {decodeString} from '../elf/strings.js';
/** From the most to the least important. */
export const dlopenPriorities = ['required', 'recommended', 'suggested'];
/** Pick the dlopen metadata out of an object's notes. */
export function dlopenNotes(notes) {
  return notes
    .filter(({name, type}) => name === 'FDO' && type === NT.NT_FDO_DLOPEN)
    .flatMap(({description}) => parse(decodeString(untilNul(description))));
}
function untilNul(bytes) {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
function parse(text) {
  try {
    return [JSON.parse(text)].flat().flatMap(interpret);
  } catch {
    return [];
  }
}
function interpret(entry) {
  if (typeof entry !== 'object' || entry === null) return [];
  const {soname, priority, feature, description} = entry;
  const sonames = [soname].flat().filter(isText);
  if (sonames.length === 0) return [];
  return [
    {
      sonames,
      priority: dlopenPriorities.find((known) => known === priority) ?? 'recommended',
      feature: isText(feature) ? feature : undefined,
      description: isText(description) ? description : undefined,
    },
  ];
}
function isText(value) {
  return typeof value === 'string' && value !== '';
}
//# sourceMappingURL=dlopen-notes.js.map
