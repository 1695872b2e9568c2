/*
 * Files that a bundled program reads at run time and that no NEEDED entry tells of: configuration, firmware, keymaps.
 */
import {posix} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import type {Found, Root} from '../loader/root.js';
import type {BundleFile} from './file-set.js';
import {manifestPath} from './manifest.js';
import type {Layout} from './plan-bundle.js';

/** A file, or a directory with all that is in it, to carry along. */
export interface DataFile {
  /** Path in the root that the bundle is made from. */
  readonly source: string;
  /**
   * Where it goes: absolute, under the prefix, or relative to it; with a slash at the end, under its own name there.
   * Default: its name, in the prefix.
   */
  readonly target?: string | undefined;
}

/**
 * Find the files to carry, each with its place. Links are followed inside the root.
 *
 * @throws ElfError FILE_SYSTEM, NOT_A_FILE, or BAD_REQUEST for a target that is not under the prefix
 */
export function findDataFiles(root: Root, files: readonly DataFile[], layout: Layout): BundleFile[] {
  return files.flatMap(({source, target}) => {
    const place = targetOf(source, target, layout);
    return collect(root, source, place, `the file ${source} that was asked for`);
  });
}

/** A target with a slash at its end is a directory to put the file into. */
export function placeOf(source: string, target: string | undefined, prefix: string): string {
  const name = posix.basename(source);
  return posix.resolve(prefix, target?.endsWith('/') ? posix.join(target, name) : (target ?? name));
}

function targetOf(source: string, target: string | undefined, layout: Layout): string {
  const path = placeOf(source, target, layout.prefix);
  const isInside = path.startsWith(`${layout.prefix}/`) && path !== manifestPath(layout);
  if (isInside && !/[\0\n]/.test(path)) return path;
  throw new ElfError('BAD_REQUEST', `${source} cannot go there`, {
    expected: `a path under ${layout.prefix} that is not the manifest's`,
    got: path,
    value: target,
  });
}

function collect(
  root: Root,
  source: string,
  path: string,
  why: string,
  above: readonly string[] = [],
): BundleFile[] {
  const there = root.resolve(source);
  if (!there.found) throw systemError(source, Object.assign(new Error(there.code), {code: there.code}));
  const identity = `${there.stats.dev}:${there.stats.ino}`;
  if (there.stats.isFile()) return [{path, role: 'data', source: there.host, from: root, identity, why}];
  if (!there.stats.isDirectory()) {
    throw new ElfError('NOT_A_FILE', 'neither a regular file nor a directory', {path: source});
  }
  if (above.includes(identity)) {
    throw new ElfError('BAD_REQUEST', 'the directory holds a link to itself', {path: source});
  }
  return namesIn(root, there).flatMap((name) =>
    // By the path that was asked for: whose links it goes through is known of that alone.
    collect(root, posix.join(source, name), posix.join(path, name), why, [...above, identity]),
  );
}

function namesIn(root: Root, {host, inside}: Found): string[] {
  try {
    return root.names(host);
  } catch (error) {
    throw error instanceof ElfError ? error.at(inside) : error;
  }
}
