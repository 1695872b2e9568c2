/*
 * How glibc's loader finds a library: _dl_map_object in elf/dl-load.c, stage by stage.
 *
 *   0. what is in memory already, by name or SONAME
 *   1. a name with a slash: that file and no search
 *   2. DT_RPATH of the object that asks, of the one that loaded it, and so on up, then of the program;
 *      not at all when the object that asks has a DT_RUNPATH, and an RPATH beside a RUNPATH does not count
 *   3. LD_LIBRARY_PATH
 *   4. DT_RUNPATH of the object that asks, never inherited
 *   5. ld.so.cache: one entry; with DF_1_NODEFLIB on the object that asks, none from a system directory
 *   6. the system directories, unless DF_1_NODEFLIB
 *
 * ld.so.conf plays no role here: only ldconfig reads it.
 */
import {DF_1} from '../elf/constants.js';
import type {MachineFacts} from '../elf/machine.js';
import {findInCache} from './cache-search.js';
import {admitCandidate, type Verdict, verifyCandidate} from './candidate.js';
import {inheritedPathOf} from './inherited-path.js';
import {legacyHwcapBits, legacySubdirectories} from './legacy-hwcaps.js';
import type {LookUp} from './lookups.js';
import {type Answer, alreadyLoaded, type LoaderRules, type Member, type Process} from './process.js';
import {splitSearchPath} from './search-path.js';
import {Rejections, type SearchList, type Stop} from './searches.js';
import {expandTokens, expandTokensSecurely, expansion, hasToken, type TokenValues} from './tokens.js';
import type {Attempt, Place, Rejection, SearchPlace} from './tree.js';

export const glibc: LoaderRules = {
  follows: new Set(['needed', 'auxiliary', 'filter', 'audit']),
  preloadsForProgram: true,

  find(process, name, requester = process.program) {
    if (process.settings.secure && hasToken(name)) {
      return failed(name, 'DST not allowed in SUID/SGID programs');
    }
    const values = tokenValues(process, requester);
    process.searches.countExpansion(expansion(name, values));
    const expanded = expandTokens(name, values);
    if (expanded === undefined) return failed(name, 'empty dynamic string token substitution');
    const known = process.names.get(expanded);
    if (known !== undefined) {
      const reason = alreadyLoaded(process, known.member, known.by, expanded);
      return {kind: 'loaded', member: known.member, reason};
    }
    return new SearchForName(process, expanded, requester).run();
  },

  remember({names}, member, name) {
    const {soname} = member.object.dynamic ?? {};
    for (const own of [name, member.path]) if (!names.has(own)) names.set(own, {member, by: 'name'});
    if (soname !== undefined && !names.has(soname)) names.set(soname, {member, by: 'soname'});
  },

  admit: (_, {object}) => admitCandidate(object),
};

/** A search for one name, through lists that it shares with others. */
class SearchForName {
  readonly #process: Process;
  readonly #name: string;
  readonly #requester: Member;
  readonly #searched: SearchList[] = [];
  readonly #rejections = new Rejections();
  readonly #passedOver: Attempt[] = [];

  constructor(process: Process, name: string, requester: Member) {
    this.#process = process;
    this.#name = name;
    this.#requester = requester;
  }

  run(): Answer {
    const answer = this.#name.includes('/')
      ? this.#try(this.#name, {kind: 'direct'}, {search: undefined, position: 0})
      : (this.#inChain(this.#inherited()) ??
        this.#inChain(libraryPathOf(this.#process)) ??
        this.#inChain(runpathOf(this.#process, this.#requester)) ??
        this.#inCache() ??
        this.#inChain(this.#noDefaultLibraries ? undefined : systemDirectoriesOf(this.#process)));
    return typeof answer === 'object' ? answer : this.#failure(undefined);
  }

  /** The DT_RPATHs that apply to the object that asks. */
  #inherited(): SearchList | undefined {
    if (this.#requester.object.dynamic?.runpath !== undefined) return undefined;
    return inheritedPathOf(this.#process, this.#requester, rpathOf);
  }

  #inChain(start: SearchList | undefined): Answer | undefined {
    if (start !== undefined) this.#searched.push(start);
    for (let list = start; list !== undefined; list = list.after(this.#name)) {
      const answer = this.#inList(list);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  /** Go through the directories of a list as open_path does. */
  #inList(list: SearchList): Answer | undefined {
    for (const {position, place, prefix} of list.stopsFor(this.#name)) {
      const answer = this.#try(`${prefix}${this.#name}`, place, {search: list.index, position});
      if (typeof answer === 'object') return answer;
      // A file that is there but cannot be opened (a loop of links) ends this list, though not the search.
      if (endsList(answer, place)) return undefined;
    }
    return undefined;
  }

  #inCache(): Answer | undefined {
    const {lookups, facts, machine, settings, searches, memo} = this.#process;
    const {cachePath} = facts;
    if (cachePath === undefined || settings.inhibitCache || settings.inhibitDefaults) return undefined;
    const cache: Place = {kind: 'cache', cache: cachePath};
    const list = memo.get(undefined, 'cache', () =>
      searches.add([{place: cache, why: 'not in the cache'}], []),
    );
    this.#searched.push(list);
    const query = memo.get(undefined, 'cache query', () => ({
      machine,
      hwcaps: settings.hwcaps,
      legacyHwcaps: legacyHwcapBits(facts, machine),
      answers: new Map(),
    }));
    const entry = findInCache(lookups.cache(cachePath, machine), this.#name, query);
    if (entry === undefined) return undefined;
    const place: Place = {...cache, ...(entry.hwcaps && {hwcaps: entry.hwcaps})};
    const at = {search: list.index, position: 0};
    if (this.#noDefaultLibraries && facts.systemDirectories.some((system) => entry.path.startsWith(system))) {
      const why = 'in a system directory, which DF_1_NODEFLIB excludes';
      this.#rejections.add({place, path: entry.path, why, ...at, ends: 'nothing'});
      return undefined;
    }
    const answer = this.#try(entry.path, place, at);
    return typeof answer === 'object' ? answer : undefined;
  }

  get #noDefaultLibraries(): boolean {
    return ((this.#requester.object.dynamic?.flags1 ?? 0n) & DF_1.DF_1_NODEFLIB) !== 0n;
  }

  /** Try one file; an error code tells the caller how to go on. */
  #try(path: string, place: Place, at: Pick<Rejection, 'search' | 'position'>): Answer | string {
    const {lookups, machine} = this.#process;
    const there = lookups.file(path);
    if (there.kind === 'absent') {
      const why = inWords[there.code] ?? there.code;
      const ends = endsList(there.code, place) ? 'search' : 'nothing';
      if (there.code !== 'ENOENT' || place.kind === 'direct' || place.kind === 'cache')
        this.#rejections.add({place, path, why, ...at, ends});
      return there.code;
    }
    const verdict = verdictOn(there, machine);
    if (verdict.kind === 'take' && there.kind === 'file') {
      return {kind: 'file', name: this.#name, path, file: there, reason: place, passedOver: this.#passedOver};
    }
    const {why} = verdict.kind === 'take' ? {why: ''} : verdict;
    const ends = verdict.kind === 'fatal' ? 'request' : 'nothing';
    this.#rejections.add({place, path, why, ...at, ends});
    if (ends === 'request') return this.#failure(why);
    if (this.#passedOver.length < mostPassedOver) this.#passedOver.push({place, path, why});
    return 'ENOENT';
  }

  #failure(fatal: string | undefined): Answer {
    return {
      kind: 'missing',
      soughtAs: this.#name,
      searches: this.#searched,
      rejections: this.#rejections,
      fatal,
    };
  }
}

/** At most this many files of the wrong kind are recorded for one request. */
const mostPassedOver = 32;

function failed(name: string, fatal: string): Answer {
  return {kind: 'missing', soughtAs: name, searches: [], rejections: new Rejections(), fatal};
}

function verdictOn(there: LookUp, machine: MachineFacts): Verdict {
  if (there.kind === 'file') return verifyCandidate(there.object, machine);
  const why = there.kind === 'directory' ? 'cannot read file data: is a directory' : 'not a regular file';
  return {kind: 'fatal', why};
}

function endsList(code: string, place: Place): boolean {
  if (place.kind === 'direct' || place.kind === 'cache' || place.hwcaps !== undefined) return false;
  return code !== 'ENOENT' && code !== 'EACCES';
}

const inWords: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  ELOOP: 'too many levels of symbolic links',
  ENAMETOOLONG: 'file name too long',
  ENOTDIR: 'not a directory',
};

function rpathOf(process: Process, member: Member, next?: SearchList): SearchList | undefined {
  const {rpath, runpath} = member.object.dynamic ?? {};
  if (runpath !== undefined) return next;
  return listOf(process, directoriesOf(process, member, rpath, ':'), {kind: 'rpath', of: member.index}, next);
}

function runpathOf(process: Process, member: Member): SearchList | undefined {
  return process.memo.get(member, 'runpath', () => {
    const directories = directoriesOf(process, member, member.object.dynamic?.runpath, ':');
    return listOf(process, directories, {kind: 'runpath', of: member.index});
  });
}

function libraryPathOf(process: Process): SearchList | undefined {
  const {memo, program, settings} = process;
  if (settings.secure) return undefined;
  return memo.get(undefined, 'library path', () => {
    const directories = directoriesOf(process, program, settings.libraryPath, /[:;]/);
    return listOf(process, directories, {kind: 'library-path'});
  });
}

function systemDirectoriesOf(process: Process): SearchList | undefined {
  if (process.settings.inhibitDefaults) return undefined;
  const {memo, facts} = process;
  return memo.get(undefined, 'system directories', () =>
    listOf(process, facts.systemDirectories, {kind: 'system-directory'}),
  );
}

function directoriesOf(
  process: Process,
  member: Member,
  list: string | undefined,
  separator: RegExp | string,
): readonly string[] {
  if (list === undefined || list === '') return [];
  const values = tokenValues(process, member);
  process.searches.countExpansion(expansion(list, values));
  const trusted = member === process.program ? process.facts.systemDirectories : undefined;
  return splitSearchPath(list, separator, (element) =>
    process.settings.secure ? expandTokensSecurely(element, values, trusted) : expandTokens(element, values),
  );
}

type ListPlace =
  | {readonly kind: 'rpath' | 'runpath'; readonly of: number}
  | {readonly kind: 'library-path' | 'system-directory'};

/**
 * Make a list of directories, each existing one preceded by its hwcaps subdirectories; returns `next` if the list is
 * empty.
 */
function listOf(
  process: Process,
  directories: readonly string[],
  base: ListPlace,
  next?: SearchList,
): SearchList | undefined {
  const places: SearchPlace[] = [];
  const stops: Stop[] = [];
  const {searches} = process;
  const add = (place: ListPlace & {directory: string; hwcaps?: string}, prefix: string) => {
    const directory = searches.directories.at(prefix);
    if (typeof directory === 'object') {
      stops.push({position: places.length, place, prefix, directory});
      places.push({place, why: 'no such file'});
    } else if (place.hwcaps === undefined) {
      places.push({place, why: 'no such directory'});
    }
    return typeof directory === 'object';
  };
  for (const directory of directories) {
    const place = {...base, directory};
    if (typeof searches.directories.at(directory) === 'object') {
      for (const hwcaps of subdirectoriesOf(process)) add({...place, hwcaps}, `${directory}${hwcaps}`);
    }
    add(place, directory);
  }
  return places.length === 0 ? next : searches.add(places, stops, next);
}

function tokenValues({facts, settings}: Process, member: Member): TokenValues {
  return {origin: member.origin, lib: facts.lib, platform: settings.platform};
}

/** The subdirectories to search first in each directory, best first, each with a trailing slash. */
function subdirectoriesOf({facts, machine, settings, memo}: Process): readonly string[] {
  return memo.get(undefined, 'subdirectories', () => [
    ...settings.hwcaps.map((level) => `glibc-hwcaps/${level}/`),
    ...legacySubdirectories(facts, machine, settings.platform),
  ]);
}
