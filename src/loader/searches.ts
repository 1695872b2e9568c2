/*
 * Lists of places in which a loader looks for a library. A list is made once and shared by all requests: with one for
 * each request, a program that names N libraries and N directories would take memory for N * N places.
 *
 * An object inherits the DT_RPATH of those that loaded it, so lists form chains that share their ends.
 */
import {ElfError} from '../errors.js';
import {type Directories, type Directory, isFileName} from './directories.js';
import type {Place, Rejection, SearchPlace} from './tree.js';

/** A place in a list where a directory exists. */
export interface Stop {
  /** Index in the list's places. */
  readonly position: number;
  readonly place: Place;
  /** What precedes the name of a file in it. */
  readonly prefix: string;
  readonly directory: Directory;
}

/** At most this many files of a program are asked for one by one; after that, directories are listed. */
const singleLookUps = 4096;

/** A program that needs more lookups than this is refused: each is a system call. */
const mostLookUps = 1 << 20;

/** What tokens may add to the search paths and names of a program, in characters. */
const mostExpansion = 1 << 24;

/** The lists of one program. */
export class Searches {
  readonly lists: SearchList[] = [];
  readonly directories: Directories;
  #lookUps = 0;
  #expansion = 0;

  constructor(directories: Directories) {
    this.directories = directories;
  }

  /** Make a list of places, searched before another list. */
  add(places: readonly SearchPlace[], stops: readonly Stop[], next?: SearchList): SearchList {
    const list = new SearchList(this, this.lists.length, places, stops, next);
    this.lists.push(list);
    return list;
  }

  /** Whether it is time to list directories instead of asking for single files in them. */
  get isListing(): boolean {
    return this.#lookUps > singleLookUps;
  }

  /** @throws ElfError TOO_LARGE */
  countLookUp(): void {
    if (++this.#lookUps <= mostLookUps) return;
    throw new ElfError('TOO_LARGE', 'resolving it needs too many lookups', {
      expected: `at most ${mostLookUps}`,
    });
  }

  /** Count what replacing tokens will add to a text. @throws ElfError TOO_LARGE */
  countExpansion(characters: number): void {
    this.#expansion += characters;
    if (this.#expansion <= mostExpansion) return;
    throw new ElfError('TOO_LARGE', 'its names and search paths are too long after token expansion', {
      expected: `at most ${mostExpansion} characters more`,
    });
  }
}

/** One list, with the one that is searched after it. */
export class SearchList {
  readonly index: number;
  readonly places: readonly SearchPlace[];
  readonly next: SearchList | undefined;
  readonly #searches: Searches;
  readonly #stops: readonly Stop[];
  /** The first stop at each directory: further ones have the same files. */
  #byDirectory: ReadonlyMap<Directory, Stop> | undefined;
  /** Those that could not be listed; undefined until the first attempt. */
  #unlisted: readonly Stop[] | undefined;
  /** The next list that has a stop, and the next one to look at for a name that no listed directory holds. */
  readonly #following: SearchList | undefined;
  #beyond: SearchList | undefined;

  constructor(
    searches: Searches,
    index: number,
    places: readonly SearchPlace[],
    stops: readonly Stop[],
    next: SearchList | undefined,
  ) {
    this.#searches = searches;
    this.index = index;
    this.places = places;
    this.next = next;
    this.#stops = stops;
    this.#following = next !== undefined && next.#stops.length === 0 ? next.#following : next;
    this.#beyond = this.#following;
  }

  /** The stops at which a file of this name may be, in order. */
  *stopsFor(name: string): Generator<Stop> {
    const isListed = this.#searches.isListing && isFileName(name);
    for (const stop of isListed ? this.#listedStops(name) : this.#stops) {
      this.#searches.countLookUp();
      yield stop;
    }
  }

  /** The next list in which a name may be found. */
  after(name: string): SearchList | undefined {
    if (!isFileName(name) || this.#searches.directories.holders(name).size > 0) return this.#following;
    if (!this.isListed) return this.#following;
    while (this.#beyond?.isListed) this.#beyond = this.#beyond.#beyond;
    return this.#beyond;
  }

  /** Whether all names in its directories are known. */
  get isListed(): boolean {
    return this.#unlisted?.length === 0;
  }

  #listedStops(name: string): Stop[] {
    const {directories} = this.#searches;
    const first = this.#firstStops();
    this.#unlisted ??= [...first.values()].filter(({directory}) => !directories.list(directory));
    const found = [...directories.holders(name)].flatMap((directory) => first.get(directory) ?? []);
    return [...new Set([...found, ...this.#unlisted])].sort((a, b) => a.position - b.position);
  }

  #firstStops(): ReadonlyMap<Directory, Stop> {
    this.#byDirectory ??= new Map(this.#stops.toReversed().map((stop) => [stop.directory, stop]));
    return this.#byDirectory;
  }
}

/** At most this many rejected files are kept per request; the others are only counted. */
const mostRejections = 32;

/** What a search came across that was not an answer. */
export class Rejections {
  readonly kept: Rejection[] = [];
  /** How many more there were. */
  more = 0;

  add(rejection: Rejection): void {
    if (this.kept.length < mostRejections) this.kept.push(rejection);
    else this.more++;
  }
}
