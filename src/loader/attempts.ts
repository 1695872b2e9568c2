import {shortened} from '../errors.js';
import type {Attempt, Miss, Place, ResolvedTree, Search} from './tree.js';

/** What says where a name was looked for. */
export type Sought = Pick<Miss, 'soughtAs' | 'searches' | 'rejected'>;

/**
 * Yield the places in which a name was looked for, in order, each with what was found there instead. A file of a few
 * kilobytes can make this long: take as many as you want to show.
 *
 * @example
 *   const tree = await resolveTree('/usr/bin/qemu-arm');
 *   for (const miss of tree.misses)
 *     for (const {path, why} of attemptsOf(tree, miss)) console.log(miss.name, path, why);
 */
export function* attemptsOf(
  {searches}: Pick<ResolvedTree, 'searches'>,
  {soughtAs, searches: starts, rejected}: Sought,
): Generator<Attempt> {
  let seen = 0;
  if (starts.length === 0) yield* rejected.map(({place, path, why}) => ({place, path, why}));
  for (const index of chained(searches, starts)) {
    for (const [position, {place, why}] of (searches[index]?.places ?? []).entries()) {
      const rejection = rejected[seen];
      if (rejection?.search !== index || rejection.position !== position) {
        yield {place, path: pathIn(place, soughtAs), why};
        continue;
      }
      seen++;
      yield {place: rejection.place, path: rejection.path, why: rejection.why};
      if (rejection.ends === 'request') return;
      if (rejection.ends === 'search') break;
    }
  }
}

/** How many places there are in the searches of a miss. */
export function countPlaces({searches}: Pick<ResolvedTree, 'searches'>, {searches: starts}: Sought): number {
  let sum = 0;
  for (const index of chained(searches, starts)) sum += searches[index]?.places.length ?? 0;
  return Math.max(1, sum);
}

/** The first paths at which a name was looked for, with commas between them, and how many more there are. */
export function placesInWords(tree: Pick<ResolvedTree, 'searches'>, sought: Sought, most = 8): string {
  const paths: string[] = [];
  for (const {path} of attemptsOf(tree, sought)) {
    if (paths.length === most) return `${paths.join(', ')} and ${countPlaces(tree, sought) - most} more`;
    paths.push(shortened(path));
  }
  return paths.join(', ');
}

function* chained(searches: readonly Search[], starts: readonly number[]): Generator<number> {
  for (const start of starts) {
    for (let at: number | undefined = start; at !== undefined; at = searches[at]?.next) yield at;
  }
}

function pathIn(place: Place, name: string): string {
  if (place.kind === 'direct') return name;
  return place.kind === 'cache' ? place.cache : `${place.directory}${place.hwcaps ?? ''}${name}`;
}
