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
 * ld.so.conf does not occur: only ldconfig reads it.
 */
import {DF_1} from '../elf/constants.js';
import {findInCache} from './cache-search.js';
import {admitCandidate, verifyCandidate} from './candidate.js';
import {legacyHwcapBits, legacySubdirectories} from './legacy-hwcaps.js';
import {type Answer, alreadyLoaded, type LoaderRules, type Member, type Process} from './process.js';
import {splitSearchPath} from './search-path.js';
import {expandTokens, expandTokensSecurely, hasToken, type TokenValues} from './tokens.js';
import type {Attempt, Place} from './tree.js';

export const glibc: LoaderRules = {
  follows: new Set(['needed', 'auxiliary', 'filter', 'audit']),
  preloadsForProgram: true,

  find(process, name, requester = process.program) {
    if (process.settings.secure && hasToken(name)) {
      return {kind: 'missing', tried: [], fatal: 'DST not allowed in SUID/SGID programs'};
    }
    const expanded = expandTokens(name, tokenValues(process, requester));
    if (expanded === undefined) {
      return {kind: 'missing', tried: [], fatal: 'empty dynamic string token substitution'};
    }
    const known = process.names.get(expanded);
    if (known !== undefined) {
      const reason = alreadyLoaded(process, known.member, known.by, expanded);
      return {kind: 'loaded', member: known.member, reason};
    }
    return new Search(process, expanded, requester).run();
  },

  remember({names}, member, name) {
    const {soname} = member.object.dynamic ?? {};
    for (const own of [name, member.path]) if (!names.has(own)) names.set(own, {member, by: 'name'});
    if (soname !== undefined && !names.has(soname)) names.set(soname, {member, by: 'soname'});
  },

  admit: (_, {object}) => admitCandidate(object),
};

class Search {
  readonly #process: Process;
  readonly #name: string;
  readonly #requester: Member;
  readonly #tried: Attempt[] = [];
  readonly #passedOver: Attempt[] = [];

  constructor(process: Process, name: string, requester: Member) {
    this.#process = process;
    this.#name = name;
    this.#requester = requester;
  }

  run(): Answer {
    const answer = this.#name.includes('/')
      ? this.#try(this.#name, {kind: 'direct'})
      : (this.#inRpaths() ??
        this.#inLibraryPath() ??
        this.#inRunpath() ??
        this.#inCache() ??
        this.#inSystemDirectories());
    return typeof answer === 'object' ? answer : {kind: 'missing', tried: this.#tried, fatal: undefined};
  }

  #inRpaths(): Answer | undefined {
    if (this.#requester.object.dynamic?.runpath !== undefined) return undefined;
    const chain: Member[] = [];
    for (let m: Member | undefined = this.#requester; m !== undefined; m = m.loader) chain.push(m);
    if (!chain.includes(this.#process.program)) chain.push(this.#process.program);
    for (const member of chain) {
      const answer = this.#inList(rpathOf(this.#process, member), {kind: 'rpath', of: member.index});
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  #inLibraryPath(): Answer | undefined {
    return this.#inList(libraryPathOf(this.#process), {kind: 'library-path'});
  }

  #inRunpath(): Answer | undefined {
    const list = runpathOf(this.#process, this.#requester);
    return this.#inList(list, {kind: 'runpath', of: this.#requester.index});
  }

  #inCache(): Answer | undefined {
    const {lookups, facts, machine, settings} = this.#process;
    if (facts.cachePath === undefined || settings.inhibitCache) return undefined;
    const entry = findInCache(lookups.cache(facts.cachePath, machine), this.#name, {
      machine,
      hwcaps: settings.hwcaps,
      legacyHwcaps: legacyHwcapBits(facts, machine),
    });
    const place: Place = {
      kind: 'cache',
      cache: facts.cachePath,
      ...(entry?.hwcaps && {hwcaps: entry.hwcaps}),
    };
    if (entry === undefined) return this.#note(place, facts.cachePath, 'not in the cache');
    if (this.#noDefaultLibraries && facts.systemDirectories.some((system) => entry.path.startsWith(system))) {
      return this.#note(place, entry.path, 'in a system directory, which DF_1_NODEFLIB excludes');
    }
    const answer = this.#try(entry.path, place);
    return typeof answer === 'object' ? answer : undefined;
  }

  #inSystemDirectories(): Answer | undefined {
    if (this.#noDefaultLibraries) return undefined;
    return this.#inList(this.#process.facts.systemDirectories, {kind: 'system-directory'});
  }

  get #noDefaultLibraries(): boolean {
    return ((this.#requester.object.dynamic?.flags1 ?? 0n) & DF_1.DF_1_NODEFLIB) !== 0n;
  }

  /** Go through a list of directories as open_path does, each with its hwcaps subdirectories before itself. */
  #inList(directories: readonly string[], base: ListPlace): Answer | undefined {
    const {lookups} = this.#process;
    for (const directory of directories) {
      const place = {...base, directory};
      if (!lookups.isDirectory(directory)) {
        this.#note(place, `${directory}${this.#name}`, 'no such directory');
        continue;
      }
      for (const hwcaps of subdirectoriesOf(this.#process)) {
        if (!lookups.isDirectory(`${directory}${hwcaps}`)) continue;
        const answer = this.#try(`${directory}${hwcaps}${this.#name}`, {...place, hwcaps});
        if (typeof answer === 'object') return answer;
      }
      const answer = this.#try(`${directory}${this.#name}`, place);
      if (typeof answer === 'object') return answer;
      // A file that is there but cannot be opened (a loop of links) ends this list, though not the search.
      if (answer !== 'ENOENT' && answer !== 'EACCES') return undefined;
    }
    return undefined;
  }

  /** Look at one file; the error code is for the caller to go on by. */
  #try(path: string, place: Place): Answer | string {
    const {lookups, machine} = this.#process;
    const there = lookups.file(path);
    if (there.kind === 'absent') {
      this.#note(place, path, inWords[there.code] ?? there.code);
      return there.code;
    }
    if (there.kind === 'directory') return this.#giveUp(place, path, 'cannot read file data: is a directory');
    if (there.kind === 'special') return this.#giveUp(place, path, 'not a regular file');
    const verdict = verifyCandidate(there.object, machine);
    if (verdict.kind === 'fatal') return this.#giveUp(place, path, verdict.why);
    if (verdict.kind === 'take') {
      return {kind: 'file', name: this.#name, path, file: there, reason: place, passedOver: this.#passedOver};
    }
    this.#passedOver.push({place, path, why: verdict.why});
    this.#note(place, path, verdict.why);
    return 'ENOENT';
  }

  #note(place: Place, path: string, why: string): undefined {
    this.#tried.push({place, path, why});
  }

  #giveUp(place: Place, path: string, why: string): Answer {
    this.#note(place, path, why);
    return {kind: 'missing', tried: this.#tried, fatal: why};
  }
}

type ListPlace =
  | {readonly kind: 'rpath' | 'runpath'; readonly of: number}
  | {readonly kind: 'library-path' | 'system-directory'};

const inWords: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  ELOOP: 'too many levels of symbolic links',
  ENAMETOOLONG: 'file name too long',
  ENOTDIR: 'not a directory',
};

function rpathOf(process: Process, member: Member): readonly string[] {
  const {rpath, runpath} = member.object.dynamic ?? {};
  return runpath === undefined ? listOf(process, member, rpath, ':') : [];
}

function runpathOf(process: Process, member: Member): readonly string[] {
  return listOf(process, member, member.object.dynamic?.runpath, ':');
}

function libraryPathOf(process: Process): readonly string[] {
  const {libraryPath, secure} = process.settings;
  return secure ? [] : listOf(process, process.program, libraryPath, /[:;]/);
}

function listOf(process: Process, member: Member, list: string | undefined, separator: RegExp | string) {
  if (list === undefined || list === '') return [];
  const key = `${member.index} ${separator} ${list}`;
  const known = process.lists.get(key);
  if (known !== undefined) return known;
  const values = tokenValues(process, member);
  const trusted = member === process.program ? process.facts.systemDirectories : undefined;
  const directories = splitSearchPath(list, separator, (element) =>
    process.settings.secure ? expandTokensSecurely(element, values, trusted) : expandTokens(element, values),
  );
  process.lists.set(key, directories);
  return directories;
}

function tokenValues({facts, settings}: Process, member: Member): TokenValues {
  return {origin: member.origin, lib: facts.lib, platform: settings.platform};
}

/** The subdirectories that each directory is searched for first, best first, each with its slash. */
function subdirectoriesOf({facts, machine, settings, lists}: Process): readonly string[] {
  const known = lists.get('subdirectories');
  if (known !== undefined) return known;
  const modern = settings.hwcaps.map((level) => `glibc-hwcaps/${level}/`);
  const all = [...modern, ...legacySubdirectories(facts, machine, settings.platform)];
  lists.set('subdirectories', all);
  return all;
}
