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
 * The first file that can be opened is the answer: when it is of no use, the search does not go on. A `$` that is
 * not `$ORIGIN` voids the whole RPATH; empty elements do not count. There is no cache and there are no hwcaps.
 */
import {decodeString} from '../elf/strings.js';
import {verifyMuslCandidate} from './candidate.js';
import type {Lookups} from './lookups.js';
import {withSource} from './object.js';
import {type Answer, alreadyLoaded, type LoaderRules, type Member, type Process} from './process.js';
import {definesSymbols} from './symbols.js';
import type {Attempt, Place} from './tree.js';

export const musl: LoaderRules = {
  follows: new Set(['needed']),
  preloadsForProgram: false,

  find(process, name, requester) {
    const {interpreter} = process;
    const isLoader = /^lib(?:c|pthread|rt|m|dl|util|xnet)\./.test(name) || name === process.interpreterName;
    if (isLoader && interpreter !== undefined) return itself(interpreter);
    if (name.includes('/')) return new Search(process, name).open(name, {kind: 'direct'}) as Answer;
    const known = process.names.get(name);
    if (known !== undefined) {
      return {
        kind: 'loaded',
        member: known.member,
        reason: alreadyLoaded(process, known.member, 'name', name),
      };
    }
    return new Search(process, name).run(requester);
  },

  remember({names}, member, name) {
    if (name.includes('/') || [...names.values()].some((named) => named.member === member)) return;
    const shortName = member.path.slice(member.path.lastIndexOf('/') + 1);
    if (!names.has(shortName)) names.set(shortName, {member, by: 'name'});
  },

  /** Two C libraries in one process would be the end of it: a file that is one is taken for the loader itself. */
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

class Search {
  readonly #process: Process;
  readonly #name: string;
  readonly #tried: Attempt[] = [];

  constructor(process: Process, name: string) {
    this.#process = process;
    this.#name = name;
  }

  run(requester: Member | undefined): Answer {
    const {libraryPath, secure} = this.#process.settings;
    let answer = secure ? undefined : this.#inList(split(libraryPath), {kind: 'library-path'});
    for (let m = requester; m !== undefined && answer === undefined; m = m.loader) {
      answer = this.#inList(split(rpathOf(this.#process, m)), {kind: placeOf(m), of: m.index});
    }
    answer ??= this.#inList(systemPath(this.#process), {kind: 'system-directory'});
    return answer ?? {kind: 'missing', tried: this.#tried, fatal: undefined};
  }

  #inList(directories: readonly string[], base: ListPlace): Answer | undefined {
    for (const directory of directories) {
      const place: Place = {...base, directory: `${directory}/`};
      const answer = this.open(`${directory}/${this.#name}`, place);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  /** Look at one file; undefined is to look further. */
  open(path: string, place: Place): Answer | undefined {
    const there = this.#process.lookups.file(path);
    if (there.kind === 'file') {
      return {kind: 'file', name: this.#name, path, file: there, reason: place, passedOver: []};
    }
    const code = there.kind === 'absent' ? there.code : there.kind === 'directory' ? 'EISDIR' : 'special';
    const why = searchOn[code] ?? searchEnds[code] ?? code;
    this.#tried.push({place, path, why});
    if (place.kind !== 'direct' && code in searchOn) return undefined;
    return {kind: 'missing', tried: this.#tried, fatal: code in searchOn ? undefined : why};
  }
}

type ListPlace =
  | {readonly kind: 'rpath' | 'runpath'; readonly of: number}
  | {readonly kind: 'library-path' | 'system-directory'};

/** The errors of open(2) after which musl looks in the next directory. */
const searchOn: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'not a directory',
  EACCES: 'permission denied',
  ENAMETOOLONG: 'file name too long',
};

/** What musl says of some others; after any of them nothing else is looked at. */
const searchEnds: Readonly<Record<string, string>> = {
  EISDIR: 'Is a directory',
  ELOOP: 'Symbolic link loop',
  special: 'not a regular file',
};

/** A path file is some lines long; a longer one than this is not one. */
const longestPathFile = 1 << 16;

function split(list: string | undefined): string[] {
  return (list ?? '').split(/[:\n]/).filter((directory) => directory !== '');
}

function placeOf({object}: Member): 'rpath' | 'runpath' {
  return object.dynamic?.runpath === undefined ? 'rpath' : 'runpath';
}

/** fixup_rpath: the path list with $ORIGIN replaced; undefined when there is none or it cannot be used. */
function rpathOf(process: Process, {object, origin, index}: Member): string | undefined {
  const list = object.dynamic?.runpath ?? object.dynamic?.rpath;
  if (list === undefined || !list.includes('$')) return list;
  if (/\$(?!ORIGIN|\{ORIGIN\})/.test(list) || origin === undefined) return undefined;
  const {secure} = process.settings;
  if (secure && (index === process.program.index || !origin.startsWith('/'))) return undefined;
  return list.replace(/\$(?:ORIGIN|\{ORIGIN\})/g, () => origin);
}

function systemPath(process: Process): readonly string[] {
  const {facts, lookups, interpreterName, lists} = process;
  const known = lists.get('system path');
  if (known !== undefined) return known;
  const builtIn = facts.systemDirectories.map((directory) => directory.slice(0, -1));
  const directories =
    facts.pathFile === undefined ? undefined : configured(lookups, interpreterName, facts.pathFile);
  lists.set('system path', directories ?? builtIn);
  return directories ?? builtIn;
}

/** What the path file says; undefined when it does not exist, nothing when it cannot be read. */
function configured(lookups: Lookups, interpreterName: string, pathFile: string): string[] | undefined {
  const path = prefixOf(interpreterName) + pathFile;
  const there = lookups.root.lookUp(path);
  if (!there.found) return there.code === 'ENOENT' ? undefined : [];
  return split(decodeString(lookups.contents(path, longestPathFile) ?? new Uint8Array()));
}

function prefixOf(interpreterName: string): string {
  return interpreterName.startsWith('/') ? interpreterName.split('/').slice(0, -2).join('/') : '';
}
