/*
 * Names of vendored libraries. glibc takes a library that is loaded already for any other with the same SONAME, so two
 * packages that bring different versions along would share whichever comes first. A hash of the content in the name
 * keeps them apart, and lets those that are the same share.
 *
 * What a library does depends on the libraries that it asks for as well, so the hash covers its own content and that of
 * everything it reaches; this way, cycles need no special case.
 */
import {createHash} from 'node:crypto';
import type {FoundLibrary} from './libraries.js';

/**
 * Name each library.
 *
 * @param hashes of the libraries' content, by path
 * @param variant anything else that changes the vendored file, such as stripping
 */
export function vendoredNames(
  libraries: ReadonlyMap<string, FoundLibrary>,
  hashes: ReadonlyMap<string, string>,
  variant: string,
): Map<string, string> {
  const names = new Map<string, string>();
  for (const library of libraries.values()) {
    const reached = [...reachedFrom(library, libraries)].map((path) => hashes.get(path) ?? '').sort();
    const hash = createHash('sha256')
      .update([hashes.get(library.path), ...reached, variant].join('\n'))
      .digest('hex');
    names.set(library.path, withHash(library.name, hash.slice(0, 8)));
  }
  return names;
}

function reachedFrom(library: FoundLibrary, libraries: ReadonlyMap<string, FoundLibrary>): Set<string> {
  const reached = new Set<string>();
  const queue = [...library.needs.values()];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    queue.push(...(libraries.get(path)?.needs.values() ?? []));
  }
  return reached;
}

/** `libvips.so.42` as `libvips-1a2b3c4d.so.42`. What could mean something in a search path or a shell is replaced. */
function withHash(name: string, hash: string): string {
  const base = name.slice(name.lastIndexOf('/') + 1).replace(/[^\w.+-]/g, '_');
  const [, stem = base, ending = ''] = /^(.*?)(\.so(?:\..*)?)$/.exec(base) ?? [];
  return `${stem.slice(0, longestStem)}-${hash}${ending.slice(0, longestEnding)}`;
}

/** Together with the hash within NAME_MAX. */
const longestStem = 180;
const longestEnding = 60;
