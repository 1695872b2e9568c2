/*
 * How musl's loader finds a library: load_library in ldso/dynlink.c.
 *
 *   0. reserved names (libc.*, libpthread.*, libm.*, ...) and its own: the loader itself
 *   1. a name with a slash: that file and no search
 *   2. what is in memory already, by the file name under which a search found it; never by SONAME
 *   3. LD_LIBRARY_PATH
 *   4. DT_RUNPATH, else DT_RPATH, of the object that asks, of the one that loaded it, and so on up
 *   5. the directories of PREFIX/etc/ld-musl-ARCH.path, else the built-in ones; PREFIX is the path of the loader
 *      without its last two components
 *
 * The first file that can be opened is the answer: even if it is unusable, the search does not go on. A `$` that is not
 * `$ORIGIN` voids the whole RPATH; empty elements are ignored. There is no cache and there are no hwcaps.
 */
import {decodeString} from '../elf/strings.js';
import {verifyMuslCandidate} from './candidate.js';
import {inheritedPathOf} from './inherited-path.js';
import type {Lookups} from './lookups.js';
import {withSource} from './object.js';
import {type Answer, alreadyLoaded, type LoaderRules, type Member, type Process} from './process.js';
import {Rejections, type SearchList, type Stop} from './searches.js';
import {definesSymbols} from './symbols.js';
import type {Place, Rejection, SearchPlace} from './tree.js';

export const musl: LoaderRules = {
  follows: new Set(['needed']),
  preloadsForProgram: false,

  find(process, name, requester) {
    const {interpreter} = process;
    const isLoader = /^lib(?:c|pthread|rt|m|dl|util|xnet)\./.test(name) || name === process.interpreterName;
    if (isLoader && interpreter !== undefined) return itself(interpreter);
    if (name.includes('/')) return new SearchForName(process, name).direct();
    const known = process.names.get(name);
    if (known !== undefined) {
      return {
        kind: 'loaded',
        member: known.member,
        reason: alreadyLoaded(process, known.member, 'name', name),
      };
    }
    return new SearchForName(process, name).run(requester);
  },

  remember({names, memo}, member, name) {
    if (name.includes('/')) return;
    let isNew = false;
    memo.get(member, 'named', () => {
      isNew = true;
    });
    if (!isNew) return;
    const shortName = member.path.slice(member.path.lastIndexOf('/') + 1);
    if (!names.has(shortName)) names.set(shortName, {member, by: 'name'});
  },

  /** Two C libraries in one process would crash it, so a file that is a C library is taken for the loader itself. */
  admit(process, {object, host}) {
    const verdict = verifyMuslCandidate(object, process.machine);
    if (verdict.kind !== 'take' || process.interpreter === undefined) return verdict;
    const source = process.lookups.root.source(host);
    const isLibc = withSource(source, (bytes) => definesSymbols(bytes, ['__libc_start_main', 'stdin']));
    return isLibc ? {kind: 'interpreter'} : verdict;
  },
};

function itself(interpreter: Member): Answer {
  return {kind: 'loaded', member: interpreter, reason: {kind: 'interpreter'}};
}

class SearchForName {
  readonly #process: Process;
  readonly #name: string;
  readonly #searched: SearchList[] = [];
  readonly #rejections = new Rejections();

  constructor(process: Process, name: string) {
    this.#process = process;
    this.#name = name;
  }

  run(requester: Member | undefined): Answer {
    const {secure} = this.#process.settings;
    return (
      this.#inChain(secure ? undefined : libraryPathOf(this.#process)) ??
      this.#inChain(requester && inheritedPathOf(this.#process, requester, ownPathOf)) ??
      this.#inChain(systemPathOf(this.#process)) ??
      this.#failure(undefined)
    );
  }

  direct(): Answer {
    const at = {search: undefined, position: 0};
    return this.#open(this.#name, {kind: 'direct'}, at) ?? this.#failure(undefined);
  }

  #inChain(start: SearchList | undefined): Answer | undefined {
    if (start !== undefined) this.#searched.push(start);
    for (let list = start; list !== undefined; list = list.after(this.#name)) {
      for (const {position, place, prefix} of list.stopsFor(this.#name)) {
        const answer = this.#open(`${prefix}${this.#name}`, place, {search: list.index, position});
        if (answer !== undefined) return answer;
      }
    }
    return undefined;
  }

  /** Try one file; undefined means to go on searching. */
  #open(path: string, place: Place, at: Pick<Rejection, 'search' | 'position'>): Answer | undefined {
    const there = this.#process.lookups.file(path);
    if (there.kind === 'file') {
      return {kind: 'file', name: this.#name, path, file: there, reason: place, passedOver: []};
    }
    const code = there.kind === 'absent' ? there.code : there.kind === 'directory' ? 'EISDIR' : 'special';
    const why = searchOn[code] ?? searchEnds[code] ?? code;
    const isFatal = !(code in searchOn);
    if (code !== 'ENOENT' || place.kind === 'direct')
      this.#rejections.add({place, path, why, ...at, ends: isFatal ? 'request' : 'nothing'});
    return isFatal ? this.#failure(why) : undefined;
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

type ListPlace =
  | {readonly kind: 'rpath' | 'runpath'; readonly of: number}
  | {readonly kind: 'library-path' | 'system-directory'};

/**
 * Make a list of directories; returns `next` if it is empty. A directory that cannot be examined is still tried, since
 * the error of open(2) may end the search.
 */
function listOf(
  {searches}: Process,
  directories: readonly string[],
  base: ListPlace,
  next?: SearchList,
): SearchList | undefined {
  const places: SearchPlace[] = [];
  const stops: Stop[] = [];
  for (const each of directories) {
    const [prefix, position] = [`${each}/`, places.length];
    const place: Place = {...base, directory: prefix};
    const directory = searches.directories.at(prefix);
    const why = typeof directory === 'object' ? searchOn.ENOENT : searchOn[directory];
    places.push({place, why: why ?? ''});
    if (typeof directory === 'object') stops.push({position, place, prefix, directory});
    else if (why === undefined) stops.push({position, place, prefix, directory: {host: prefix}});
  }
  return places.length === 0 ? next : searches.add(places, stops, next);
}

/** The errors of open(2) after which musl looks in the next directory. */
const searchOn: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'not a directory',
  EACCES: 'permission denied',
  ENAMETOOLONG: 'file name too long',
};

/** What musl says about some of the others; any of them ends the search. */
const searchEnds: Readonly<Record<string, string>> = {
  EISDIR: 'Is a directory',
  ELOOP: 'Symbolic link loop',
  special: 'not a regular file',
};

/** A path file has a few lines; a file longer than this is not a path file. */
const longestPathFile = 1 << 16;

function split(list: string | undefined): string[] {
  return (list ?? '').split(/[:\n]/).filter((directory) => directory !== '');
}

function libraryPathOf(process: Process): SearchList | undefined {
  const {memo, settings} = process;
  return memo.get(undefined, 'library path', () =>
    listOf(process, split(settings.libraryPath), {kind: 'library-path'}),
  );
}

function ownPathOf(process: Process, member: Member, next: SearchList | undefined): SearchList | undefined {
  const kind = member.object.dynamic?.runpath === undefined ? 'rpath' : 'runpath';
  return listOf(process, split(expandedPathOf(process, member)), {kind, of: member.index}, next);
}

/** fixup_rpath: the path list with $ORIGIN replaced; undefined when there is none or it cannot be used. */
function expandedPathOf(process: Process, {object, origin, index}: Member): string | undefined {
  const list = object.dynamic?.runpath ?? object.dynamic?.rpath;
  if (list === undefined || !list.includes('$')) return list;
  if (/\$(?!ORIGIN|\{ORIGIN\})/.test(list) || origin === undefined) return undefined;
  const {secure} = process.settings;
  if (secure && (index === process.program.index || !origin.startsWith('/'))) return undefined;
  process.searches.countExpansion((list.split('$').length - 1) * origin.length);
  return list.replace(/\$(?:ORIGIN|\{ORIGIN\})/g, () => origin);
}

function systemPathOf(process: Process): SearchList | undefined {
  const {memo, facts, lookups, interpreterName, settings} = process;
  if (settings.inhibitDefaults) return undefined;
  return memo.get(undefined, 'system path', () => {
    const builtIn = facts.systemDirectories.map((directory) => directory.slice(0, -1));
    const directories =
      facts.pathFile === undefined ? undefined : configured(lookups, interpreterName, facts.pathFile);
    return listOf(process, directories ?? builtIn, {kind: 'system-directory'});
  });
}

/** The directories in the path file; undefined if it does not exist, none if it cannot be read. */
function configured(lookups: Lookups, interpreterName: string, pathFile: string): string[] | undefined {
  const path = prefixOf(interpreterName) + pathFile;
  const there = lookups.root.lookUp(path);
  if (!there.found) return there.code === 'ENOENT' ? undefined : [];
  return split(decodeString(lookups.contents(path, longestPathFile) ?? new Uint8Array()));
}

function prefixOf(interpreterName: string): string {
  return interpreterName.startsWith('/') ? interpreterName.split('/').slice(0, -2).join('/') : '';
}
