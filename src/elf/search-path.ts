import {ElfError, printable, shortened} from '../errors.js';
import {DT} from './constants.js';
import {byteString, decodeString, readStringBytes, toByteString} from './strings.js';
import type {ElfView} from './view.js';

/**
 * Say which elements of a search path depend on the working directory, where anyone may plant a library: empty elements
 * and relative paths (ld.so(8)). Undefined if there are none, as in an empty path.
 */
export function relativeInWords(path = ''): string | undefined {
  const found = relativeElements(path);
  if (found.length === 0) return undefined;
  return shortened(`relative to the working directory: '${found.join("', '")}'`);
}

/** The elements that depend on the working directory. An empty path has none. */
export function relativeElements(path: string): readonly string[] {
  return path === '' ? [] : path.split(':').filter((element) => !/^[/$]/.test(element));
}

/**
 * Whether a string contains a dynamic string token, which glibc replaces in DT_NEEDED and search paths (elf/dl-load.c:
 * is_dst).
 */
export function hasStringToken(text: string): boolean {
  return /\$(?:\{(?:ORIGIN|LIB|PLATFORM)\}|(?:ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))/.test(text);
}

/**
 * Refuse to keep elements of a file's search path that are not valid text: writing them back would change their bytes.
 *
 * @param path the new search path; by default, all of the old one
 * @throws ElfError UNSAFE_EDIT
 */
export function requireTextPath(view: ElfView, path?: string): void {
  const kept = path?.split(':');
  const lost = [DT.DT_RUNPATH, DT.DT_RPATH]
    .flatMap((tag) => undecodable(view, tag))
    .find((element) => kept?.includes(element) ?? true);
  if (lost === undefined) return;
  throw new ElfError(
    'UNSAFE_EDIT',
    'the search path has an element that is not valid UTF-8, and would lose it',
    {
      path: view.path,
      expected: 'UTF-8, or another search path to replace it',
      got: printable(lost),
    },
  );
}

/** The elements of a search path that are not UTF-8, as text for display. */
function undecodable({dynamic, source}: ElfView, tag: bigint): string[] {
  const value = dynamic?.value(tag);
  if (dynamic === undefined || value === undefined) return [];
  const {offset, size} = dynamic.stringTable;
  const elements: string[] = [];
  for (const element of byteString(readStringBytes(source, offset, size, Number(value))).split(':')) {
    const text = decodeString(Uint8Array.from(element, (byte) => byte.charCodeAt(0)));
    if (toByteString(text) !== element) elements.push(text);
  }
  return elements;
}
