/*
 * Check that the ELF files among the data of a bundle find what they need in it. A program is resolved like any other,
 * a module as if a program of the bundle opened it: all have the same DT_RPATH.
 */
import {posix} from 'node:path';
import {findObstacle, type Obstacle} from '../loader/obstacle.js';
import type {Resolver} from '../loader/resolve.js';
import type {ResolvedTree} from '../loader/tree.js';
import {isBelow} from './layout.js';
import type {ManifestFile} from './manifest.js';

/** The fields of a file that are used here. */
export type ProvenFile = Pick<ManifestFile, 'path' | 'role' | 'resolved'>;

/** A program of the bundle, and how it is resolved. */
export interface Opener {
  readonly path: string;
  readonly resolver: Resolver;
}

/**
 * Find the first file that lacks something, or would take it from elsewhere.
 *
 * @param resolver of the root that the bundle is in
 * @param opener the program that opens modules; default: the first among the files
 * @param prefix the directory of the bundle
 */
export function findFileObstacle(
  resolver: Resolver,
  files: readonly ProvenFile[],
  opener: Opener | undefined,
  prefix: string,
): (Obstacle & {readonly path: string}) | undefined {
  const program = files.find(({resolved}) => resolved === 'program');
  const opens = opener ?? (program && {path: program.path, resolver});
  const names = new Map(files.filter(isFile).map(({path}) => [posix.basename(path), path]));
  for (const {path, resolved} of files) {
    const found =
      resolved === 'program'
        ? obstacleIn(resolver.resolve(path, []), prefix, false)
        : resolved && opens && obstacleOfModule(opens, path, names, prefix);
    if (found !== undefined) return {...found, path};
  }
  return undefined;
}

function isFile({role}: ProvenFile): boolean {
  return role === 'data' || role === 'link';
}

/** At most this many rounds are made to find what is in memory before a module is opened. */
const mostRounds = 8;

/** A library bundled as a data file may already be in memory when a module asks for it. */
function obstacleOfModule(
  {path: program, resolver}: Opener,
  path: string,
  names: ReadonlyMap<string, string>,
  prefix: string,
): Obstacle | undefined {
  let before: readonly string[] = [];
  for (let round = 0; ; round++) {
    const tree = resolver.resolve(program, [...before, path]);
    const found = obstacleIn(tree, prefix, true);
    const more = found === undefined ? [] : providersOf(tree, names, before);
    if (more.length === 0 || round === mostRounds) return found;
    before = [...before, ...more];
  }
}

/** Paths of the bundled files with the missing names. */
function providersOf(
  {misses}: ResolvedTree,
  names: ReadonlyMap<string, string>,
  before: readonly string[],
): string[] {
  const known = new Set(before);
  const paths = misses.map(({name, optional}) => (optional ? undefined : names.get(posix.basename(name))));
  return [...new Set(paths)].filter((path): path is string => path !== undefined && !known.has(path));
}

function obstacleIn(tree: ResolvedTree, prefix: string, direct: boolean): Obstacle | undefined {
  const found = findObstacle(tree, {direct});
  if (found !== undefined) return found;
  const {nodes} = tree;
  // Parts packed into the program are in the program's own file.
  const stray = nodes.find(
    ({host, path}) => host !== nodes[0]?.host && !isBelow(posix.normalize(path), prefix),
  );
  const asker = nodes[stray?.requestedBy ?? 0]?.path;
  return stray && {what: `${stray.name} would come from ${stray.path}`, asker};
}
