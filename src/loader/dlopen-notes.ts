/*
 * `.note.dlopen`: the libraries that an object declares it opens with dlopen(3), which DT_NEEDED does not show.
 *
 * The note has the owner FDO, the type 0x407c0c0a and JSON as its description: an array of objects whose `soname` is an
 * array of alternatives, the best first (https://uapi-group.org/specifications/specs/elf_dlopen_metadata/). A first
 * draft had one object with one string, and such files exist. Anything else is ignored.
 */
import {NT} from '../elf/constants.js';
import {readNotes} from '../elf/notes.js';
import {decodeString} from '../elf/strings.js';
import type {ElfView} from '../elf/view.js';

/** How much an object depends on a library that it opens itself. */
export type DlopenPriority = 'required' | 'recommended' | 'suggested';

/** One library, or a choice of libraries, that an object may open. */
export interface DlopenNote {
  /** Names to try until one is found. */
  readonly sonames: readonly string[];
  readonly priority: DlopenPriority;
  readonly feature: string | undefined;
  readonly description: string | undefined;
}

/** From the most to the least important. */
export const dlopenPriorities: readonly DlopenPriority[] = ['required', 'recommended', 'suggested'];

/** Read an object's dlopen metadata. */
export function readDlopenNotes(view: ElfView): DlopenNote[] {
  return readNotes(view, NT.NT_FDO_DLOPEN)
    .filter(({name}) => name === 'FDO')
    .flatMap(({description}) => parse(decodeString(untilNul(description))));
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function parse(text: string): DlopenNote[] {
  try {
    return [JSON.parse(text) as unknown].flat().flatMap(interpret);
  } catch {
    return [];
  }
}

function interpret(entry: unknown): DlopenNote[] {
  if (typeof entry !== 'object' || entry === null) return [];
  const {soname, priority, feature, description} = entry as Record<string, unknown>;
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

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
