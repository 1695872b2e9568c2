/*
 * Where a library was looked for, as text. A program can name thousands of libraries that are in none of thousands of
 * directories, so the number of places printed for each, and in all, is limited; what a request shares with an earlier
 * one is not repeated.
 */
import {attemptsOf, countPlaces, type Miss, type ResolvedTree, shortened} from '../../index.js';
import {type SafeText, safe} from '../safe-text.js';
import type {Painter} from './paint.js';
import {reasonInWords} from './words.js';

/** Lines about places: of one request, and of a program. */
const mostOfOne = 20;
const mostOfAll = 200;

/** The places of one program's misses. */
export class PlaceList {
  readonly #tree: ResolvedTree;
  readonly #paint: Painter;
  /** By their searches, the first request for which they were printed. */
  readonly #told = new Map<string, string>();
  #lines = 0;

  constructor(tree: ResolvedTree, paint: Painter) {
    this.#tree = tree;
    this.#paint = paint;
  }

  /** One line for each place of a miss that was tried, and how many more there are. */
  lines(miss: Miss): SafeText[] {
    const {aside, reason} = this.#paint;
    const {requestedBy, searches, rejected} = miss;
    const key = searches.join(' ');
    const isPlain = rejected.length === 0;
    const known = isPlain ? this.#told.get(key) : undefined;
    if (this.#lines >= mostOfAll) {
      const same = known === undefined ? '' : `in the directories of ${shortened(known)}`;
      return same === '' ? [] : [aside(same)];
    }
    if (isPlain && known === undefined) this.#told.set(key, miss.name);
    const lines: SafeText[] = [];
    for (const {place, path, why} of attemptsOf(this.#tree, miss)) {
      if (lines.length === mostOfOne) {
        lines.push(aside(`and ${countPlaces(this.#tree, miss) - mostOfOne} more`));
        break;
      }
      const words = reasonInWords(place, this.#tree.nodes, requestedBy);
      const number = aside(`${lines.length + 1}.`);
      lines.push(safe`${number} ${shortened(path)} ${reason(`[${words}]`)} ${shortened(why)}`);
    }
    this.#lines += lines.length;
    return lines.length === 0 ? [aside('no directory to search')] : lines;
  }
}
