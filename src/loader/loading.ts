/*
 * One program being loaded. The order is the loader's: the program, the preloads, then breadth first through what each
 * object needs, every request answered by the rules of the C library whose loader the program asks for. The loader
 * would stop at the first missing library; this goes on and reports them all.
 */
import {decodeString} from '../elf/strings.js';
import {checkVersions} from './check-versions.js';
import {dlopenPriorities} from './dlopen-notes.js';
import {glibc} from './glibc.js';
import {findInterpreter, type Interpreter} from './interpreter.js';
import {fallbackFacts} from './loader-facts.js';
import type {Lookups} from './lookups.js';
import {
  describeInterpreter,
  interpreterMember,
  interpreterName,
  interpreterNames,
  type ProgramFile,
  programMember,
  toNode,
} from './members.js';
import {musl} from './musl.js';
import {type ResolveTreeOptions, settingsOf} from './options.js';
import {findInside, type Inside, insideOf} from './packed-parts.js';
import {
  type Answer,
  alreadyLoaded,
  type Failure,
  type LoaderRules,
  type Member,
  Memo,
  type Process,
} from './process.js';
import {directoryOf} from './search-path.js';
import {Rejections, Searches} from './searches.js';
import type {Miss, Place, Reason, RequestKind, ResolvedTree} from './tree.js';

/** Loads one program: make one for each, and `run` it once. */
export class Loading {
  readonly #process: Process;
  readonly #rules: LoaderRules;
  readonly #options: ResolveTreeOptions;
  readonly #interpreter: Interpreter | undefined;
  /** Undefined for a program that is not packed. */
  readonly #inside: Inside | undefined;
  readonly #members: Member[] = [];
  readonly #byIdentity = new Map<string, Member>();
  readonly #searches: Searches;
  readonly #misses: Miss[] = [];
  /** Objects whose needs are still to be looked at. */
  readonly #queue: Member[] = [];

  constructor(lookups: Lookups, path: string, file: ProgramFile, given: ResolveTreeOptions) {
    const {machine, packed} = file.object;
    const options = packed?.isolated ? withoutVariables(given) : given;
    this.#inside = insideOf(lookups.root, path, file);
    const interpreter =
      this.#inside === undefined
        ? findInterpreter(lookups, file.object, machine, options.interpreter)
        : this.#inside.interpreter;
    const facts = interpreter?.facts ?? fallbackFacts('unknown', machine);
    this.#options = options;
    this.#searches = new Searches(lookups.directories);
    this.#interpreter = interpreter;
    this.#rules = facts.libc === 'musl' ? musl : glibc;
    this.#process = {
      lookups,
      facts,
      machine,
      settings: settingsOf(options, facts, machine),
      program: programMember(lookups.root, path, file, options, facts),
      interpreter: interpreter && interpreterMember(interpreter),
      interpreterName: interpreterName(interpreter, options),
      names: new Map(),
      searches: this.#searches,
      memo: new Memo(),
    };
  }

  run(): ResolvedTree {
    this.#loadProgram();
    this.#preload();
    this.#loadQueued();
    this.#loadAuditors();
    this.#loadDlopened();
    const {interpreter} = this.#process;
    if (interpreter !== undefined) this.#count(interpreter);
    return this.#result();
  }

  #loadProgram(): void {
    const {program, interpreter, names} = this.#process;
    const {soname} = program.object.dynamic ?? {};
    this.#count(program);
    this.#queue.push(program);
    if (soname !== undefined) names.set(soname, {member: program, by: 'soname'});
    if (interpreter === undefined) {
      this.#noteMissingInterpreter();
      return;
    }
    for (const name of interpreterNames(this.#process, this.#interpreter)) {
      if (!names.has(name)) names.set(name, {member: interpreter, by: 'name'});
    }
  }

  #noteMissingInterpreter(): void {
    const name = this.#options.interpreter ?? this.#interpreter?.requested;
    if (name === undefined) return;
    const why = 'no such file, or not a loader for this program';
    this.#misses.push({
      name,
      kind: 'interpreter',
      requestedBy: 0,
      fatal: undefined,
      optional: false,
      ...refused(name, {kind: 'direct'}, name, why),
    });
  }

  #preload(): void {
    const {program, settings} = this.#process;
    const requested = settings.secure ? [] : (this.#options.preload ?? []);
    const configured = (this.#options.preloadFile ?? true) ? this.#preloadFile() : [];
    for (const name of [...requested, ...configured]) this.#request(name, 'preload', program);
  }

  /** Names separated by blanks or colons; `#` starts a comment. */
  #preloadFile(): string[] {
    const {lookups, facts} = this.#process;
    const bytes = facts.preloadPath === undefined ? undefined : lookups.contents(facts.preloadPath, 1 << 20);
    const text = decodeString(bytes ?? new Uint8Array()).replace(/#.*/g, '');
    return text.split(/[ \t\n:]+/).filter((name) => name !== '');
  }

  #loadQueued(): void {
    for (let member = this.#queue.shift(); member !== undefined; member = this.#queue.shift()) {
      this.#loadNeeds(member);
    }
  }

  /**
   * The program's auditors. The loader really loads them first, in a namespace of their own with their own copies of
   * what they need; the files are the same.
   */
  #loadAuditors(): void {
    const {program} = this.#process;
    const auditors = program.object.dynamic?.audit ?? [];
    for (const name of this.#rules.follows.has('audit') ? auditors : [])
      this.#request(name, 'audit', program);
    this.#loadQueued();
  }

  /** Load the libraries opened at run time after the rest, and then those that they in turn declare. */
  #loadDlopened(): void {
    const {dlopen: least} = this.#options;
    if (least === undefined) return;
    const followed = dlopenPriorities.slice(0, dlopenPriorities.indexOf(least) + 1);
    for (let i = 0; i < this.#members.length; i++) {
      const member = this.#members[i];
      for (const note of member?.object.dlopen ?? []) {
        if (member !== undefined && followed.includes(note.priority)) this.#openFirst(note.sonames, member);
      }
      this.#loadQueued();
    }
  }

  /** Request the first of the alternatives that is found; if none is, report the first, preferred one as missing. */
  #openFirst(sonames: readonly string[], requester: Member): void {
    const [preferred = ''] = sonames;
    const isFound = (name: string) => this.#rules.find(this.#process, name, requester).kind !== 'missing';
    this.#request(sonames.find(isFound) ?? preferred, 'dlopen', requester);
  }

  #loadNeeds(member: Member): void {
    const moved: Member[] = [];
    for (const {name, kind} of member.object.dynamic?.needs ?? []) {
      if (!this.#rules.follows.has(kind)) continue;
      const fresh = this.#request(name, kind, member);
      if (fresh !== undefined && kind !== 'needed') moved.push(fresh);
    }
    if (member === this.#process.program) {
      for (const name of this.#options.library ?? []) this.#request(name, 'library', member);
    }
    this.#takeFirst(moved);
  }

  /** The library that a filter replaces is looked at right after it (_dl_map_object_deps puts it before the filter). */
  #takeFirst(members: readonly Member[]): void {
    for (const member of members) this.#queue.splice(this.#queue.indexOf(member), 1);
    this.#queue.unshift(...members);
  }

  /** Make one request; returns the member that it newly loaded, if any. */
  #request(name: string, kind: RequestKind, requester: Member): Member | undefined {
    const asker = kind === 'preload' && !this.#rules.preloadsForProgram ? undefined : requester;
    const answer = this.#findInside(name) ?? this.#rules.find(this.#process, name, asker);
    if (answer.kind === 'missing')
      return this.#miss(name, kind, requester, describeFailure(answer), answer.fatal);
    if (answer.kind === 'loaded') return this.#connect(name, kind, requester, answer.member, answer.reason);
    const same = this.#byIdentity.get(answer.file.identity);
    if (same !== undefined) {
      this.#rules.remember(this.#process, same, answer.name);
      const reason = alreadyLoaded(this.#process, same, 'file', answer.path);
      return this.#connect(name, kind, requester, same, reason);
    }
    return this.#load(name, kind, requester, asker, answer);
  }

  /** A name packed inside is never looked for elsewhere, and a closed file does not look for any other name either. */
  #findInside(name: string): Answer | undefined {
    const file = this.#process.names.has(name) ? undefined : findInside(this.#inside, name);
    if (file !== undefined) {
      const {path} = file;
      return {kind: 'file', name, path, file, reason: {kind: 'inside'}, passedOver: []};
    }
    const isClosed = this.#process.program.object.packed?.closed === true;
    return isClosed && !this.#process.names.has(name)
      ? {kind: 'missing', soughtAs: name, searches: [], rejections: new Rejections(), fatal: undefined}
      : undefined;
  }

  #load(
    name: string,
    kind: RequestKind,
    requester: Member,
    loader: Member | undefined,
    answer: Answer & {kind: 'file'},
  ): Member | undefined {
    const {path, file, reason, passedOver} = answer;
    const verdict = this.#rules.admit(this.#process, file);
    const {interpreter} = this.#process;
    if (verdict.kind === 'interpreter' && interpreter !== undefined) {
      return this.#connect(name, kind, requester, interpreter, {kind: 'interpreter'});
    }
    if (verdict.kind === 'skip' || verdict.kind === 'fatal') {
      const place: Place = reason.kind === 'inside' ? {kind: 'direct'} : reason;
      const failure = refused(answer.name, place, path, verdict.why);
      return this.#miss(name, kind, requester, failure, verdict.why);
    }
    const origin = directoryOf(this.#process.lookups.root.absolute(path));
    const {host, identity, object} = file;
    const member: Member = {
      index: -1,
      name,
      path,
      host,
      identity,
      object,
      loader,
      reason,
      origin,
      edges: [],
      passedOver,
    };
    this.#count(member);
    this.#rules.remember(this.#process, member, answer.name);
    this.#byIdentity.set(file.identity, member);
    this.#queue.push(member);
    this.#connect(name, kind, requester, member, reason);
    return member;
  }

  /** Give a member its place in the order of loading, if it has none yet. */
  #count(member: Member): void {
    if (member.index < 0) member.index = this.#members.push(member) - 1;
  }

  #connect(name: string, kind: RequestKind, from: Member, to: Member, reason: Reason): undefined {
    this.#count(to);
    from.edges.push({name, kind, to, reason});
  }

  #miss(
    name: string,
    kind: RequestKind,
    requester: Member,
    failure: Pick<Miss, 'soughtAs' | 'searches' | 'rejected' | 'moreRejected'>,
    fatal: string | undefined,
  ): undefined {
    requester.edges.push({name, kind, to: undefined, reason: undefined});
    const requestedBy = requester.index;
    this.#misses.push({name, kind, requestedBy, fatal, optional: optional.has(kind), ...failure});
  }

  #result(): ResolvedTree {
    return {
      root: this.#process.lookups.root.host,
      packed: this.#process.program.object.packed,
      interpreter: this.#interpreter && describeInterpreter(this.#interpreter, this.#process.interpreter),
      nodes: this.#members.map(toNode),
      searches: this.#searches.lists.map(({places, next}) => ({places, next: next?.index})),
      misses: this.#misses,
      versionProblems: this.#rules === glibc ? checkVersions(this.#members, this.#process.names) : [],
    };
  }
}

/** An isolated loader reads neither LD_LIBRARY_PATH nor LD_PRELOAD. */
function withoutVariables({libraryPath: _, preload: __, ...options}: ResolveTreeOptions): ResolveTreeOptions {
  return options;
}

/** What the result says about a failed request. */
function describeFailure({soughtAs, searches, rejections}: Failure) {
  return {
    soughtAs,
    searches: searches.map(({index}) => index),
    rejected: rejections.kept,
    moreRejected: rejections.more,
  };
}

/** The same for a single file that the loader does not accept. */
function refused(soughtAs: string, place: Place, path: string, why: string) {
  const rejection = {place, path, why, search: undefined, position: 0, ends: 'request'} as const;
  return {soughtAs, searches: [], rejected: [rejection], moreRejected: 0};
}

/** Requests without which a program still starts; a preload that fails costs a message. */
const optional: ReadonlySet<RequestKind> = new Set(['auxiliary', 'preload', 'audit', 'dlopen']);
