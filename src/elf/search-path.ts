import {shortened} from '../errors.js';

/**
 * Say which elements of a search path depend on the working directory, from which anyone may then supply a library: an
 * empty element, and a relative path (ld.so(8)). Undefined if there are none, as in an empty path.
 */
export function relativeInWords(path = ''): string | undefined {
  const found = relativeElements(path);
  if (found.length === 0) return undefined;
  return shortened(`relative to the working directory: '${found.join("', '")}'`);
}

/** These elements. An empty path has none. */
export function relativeElements(path: string): readonly string[] {
  return path === '' ? [] : path.split(':').filter((element) => !/^[/$]/.test(element));
}

/**
 * Whether a text has a dynamic string token, which glibc replaces in DT_NEEDED and search paths (elf/dl-load.c: is_dst).
 */
export function hasStringToken(text: string): boolean {
  return /\$(?:\{(?:ORIGIN|LIB|PLATFORM)\}|(?:ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))/.test(text);
}
