/*
 * Which files would the dynamic loader map for this program, and why each of them? Answered without running
 * anything, for any architecture, under any root.
 *
 * The order is the loader's: the program, the preloads, then breadth first through what each object needs, every
 * request answered by the rules of the C library whose loader the program asks for. Where the loader would stop at
 * the first library that is missing, this goes on and reports them all.
 */

import type {MachineFacts} from '../elf/machine.js';
import {decodeString} from '../elf/strings.js';
import {ElfError, systemError} from '../errors.js';
import {type DlopenPriority, dlopenPriorities} from './dlopen-notes.js';
import {glibc} from './glibc.js';
import {findInterpreter, type Interpreter} from './interpreter.js';
import {fallbackFacts, type LoaderFacts} from './loader-facts.js';
import {type LookedUpFile, Lookups} from './lookups.js';
import {musl} from './musl.js';
import {
  type Answer,
  alreadyLoaded,
  type LoaderRules,
  type Member,
  type Process,
  type Settings,
} from './process.js';
import {Root} from './root.js';
import {directoryOf} from './search-path.js';
import type {
  Attempt,
  Edge,
  InterpreterInfo,
  Miss,
  Reason,
  RequestKind,
  ResolvedTree,
  TreeNode,
} from './tree.js';
import {checkVersions} from './versions.js';

/** How the program would be started, and where. Nothing is taken from this process's environment. */
export interface ResolveTreeOptions {
  /** The directory that is `/` for the program and for every path. */
  readonly root?: string;
  /** Where relative paths start, inside the root: this process's directory, or `/` under another root. */
  readonly cwd?: string;
  /** LD_LIBRARY_PATH, or what `ld.so --library-path` gets. */
  readonly libraryPath?: string;
  /** Libraries to load first, as LD_PRELOAD names them. */
  readonly preload?: readonly string[];
  /** Whether the root's /etc/ld.so.preload counts; true unless said otherwise. */
  readonly preloadFile?: boolean;
  /** More libraries to load as if the program needed them. */
  readonly library?: readonly string[];
  /** The best glibc-hwcaps subdirectory that the CPU may use, as in "x86-64-v3"; none unless said otherwise. */
  readonly hwcaps?: string;
  /** What `$PLATFORM` stands for; the usual value of the architecture unless said otherwise. */
  readonly platform?: string;
  /** Whether the program runs with other rights than its caller (AT_SECURE: set-user-ID, file capabilities). */
  readonly secure?: boolean;
  readonly inhibitCache?: boolean;
  /** A loader inside the root to use instead of PT_INTERP. */
  readonly interpreter?: string;
  /** Whether the program is started as `ld.so PROGRAM`, not by the kernel. */
  readonly direct?: boolean;
  /** Whether /proc is mounted; without it a program that the kernel starts does not know its own $ORIGIN. */
  readonly proc?: boolean;
  /** Follow what objects say themselves that they open with dlopen(3), down to this priority. */
  readonly dlopen?: DlopenPriority;
  /** Whether symbol versions are compared; true unless said otherwise. */
  readonly versions?: boolean;
}

/**
 * Resolve a program, or a shared library as if it were one.
 *
 * @param program path inside the root
 * @throws ElfError when the program itself cannot be read or is not ELF; what it needs never throws
 */
export function resolveTree(program: string, options: ResolveTreeOptions = {}): ResolvedTree {
  return new Resolver(options).resolve(program);
}

/** Resolves any number of programs in one pass: what is learned of a file, a directory or a cache is kept. */
export class Resolver {
  readonly root: Root;
  readonly #options: ResolveTreeOptions;
  readonly #lookups: Lookups;

  constructor(options: ResolveTreeOptions = {}) {
    this.root = new Root(options.root, options.cwd);
    this.#options = options;
    this.#lookups = new Lookups(this.root, options.versions ?? true);
  }

  /** See `resolveTree`. */
  resolve(program: string): ResolvedTree {
    const file = openProgram(this.#lookups, program);
    return new Loading(this.#lookups, program, file, this.#options).run();
  }
}

type ProgramFile = LookedUpFile & {readonly object: {readonly machine: MachineFacts}};

function openProgram(lookups: Lookups, path: string): ProgramFile {
  const there = lookups.file(path);
  if (there.kind === 'absent')
    throw systemError(path, Object.assign(new Error(there.code), {code: there.code}));
  if (there.kind !== 'file')
    throw new ElfError('NOT_A_FILE', 'not a regular file', {path, got: `a ${there.kind} file`});
  const {machine, problem} = there.object;
  if (problem !== undefined) throw problem.at(path);
  if (machine === undefined) throw new ElfError('NOT_ELF', 'not an ELF file', {path});
  return {...there, object: {...there.object, machine}};
}

/** One program being loaded. */
class Loading {
  readonly #process: Process;
  readonly #rules: LoaderRules;
  readonly #options: ResolveTreeOptions;
  readonly #interpreter: Interpreter | undefined;
  readonly #members: Member[] = [];
  readonly #byIdentity = new Map<string, Member>();
  readonly #misses: Miss[] = [];
  /** Objects whose needs are still to be looked at. */
  readonly #queue: Member[] = [];

  constructor(lookups: Lookups, path: string, file: ProgramFile, options: ResolveTreeOptions) {
    const {machine} = file.object;
    const interpreter = findInterpreter(lookups, file.object, machine, options.interpreter);
    const facts = interpreter?.facts ?? fallbackFacts('unknown', machine);
    this.#options = options;
    this.#interpreter = interpreter;
    this.#rules = facts.libc === 'musl' ? musl : glibc;
    this.#process = {
      lookups,
      facts,
      machine,
      settings: settingsOf(options, facts, machine),
      program: programMember(lookups.root, path, file, options),
      interpreter: interpreter && interpreterMember(interpreter),
      interpreterName: interpreterName(interpreter, options),
      names: new Map(),
      lists: new Map(),
    };
  }

  run(): ResolvedTree {
    this.#loadProgram();
    this.#preload();
    this.#loadQueued();
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
    const tried: Attempt[] = [
      {place: {kind: 'direct'}, path: name, why: 'no such file, or not a loader for it'},
    ];
    this.#misses.push({name, kind: 'interpreter', requestedBy: 0, tried, fatal: undefined, optional: false});
  }

  #preload(): void {
    const {program, settings} = this.#process;
    const requested = settings.secure ? [] : (this.#options.preload ?? []);
    const configured = (this.#options.preloadFile ?? true) ? this.#preloadFile() : [];
    for (const name of [...requested, ...configured]) this.#request(name, 'preload', program);
  }

  /** Names apart by blanks or colons, `#` to the end of the line. */
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

  /** What is opened at run time is loaded after the rest; what that says it opens, after it. */
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

  /** Of alternatives the first that is found; when none is, the miss is that of the first, the preferred one. */
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

  /** What a filter stands for is looked at right after it (_dl_map_object_deps puts it before the filter). */
  #takeFirst(members: readonly Member[]): void {
    for (const member of members) this.#queue.splice(this.#queue.indexOf(member), 1);
    this.#queue.unshift(...members);
  }

  /** Make one request; the member that it newly loaded, if it did. */
  #request(name: string, kind: RequestKind, requester: Member): Member | undefined {
    const asker = kind === 'preload' && !this.#rules.preloadsForProgram ? undefined : requester;
    const answer = this.#rules.find(this.#process, name, asker);
    if (answer.kind === 'missing') return this.#miss(name, kind, requester, answer.tried, answer.fatal);
    if (answer.kind === 'loaded') return this.#connect(name, kind, requester, answer.member, answer.reason);
    const same = this.#byIdentity.get(answer.file.identity);
    if (same !== undefined) {
      this.#rules.remember(this.#process, same, answer.name);
      const reason = alreadyLoaded(this.#process, same, 'file', answer.path);
      return this.#connect(name, kind, requester, same, reason);
    }
    return this.#load(name, kind, requester, asker, answer);
  }

  #load(
    name: string,
    kind: RequestKind,
    requester: Member,
    loader: Member | undefined,
    answer: Answer & {kind: 'file'},
  ): Member | undefined {
    const {path, file, reason} = answer;
    const verdict = this.#rules.admit(this.#process, file);
    const {interpreter} = this.#process;
    if (verdict.kind === 'interpreter' && interpreter !== undefined) {
      return this.#connect(name, kind, requester, interpreter, {kind: 'interpreter'});
    }
    if (verdict.kind === 'skip' || verdict.kind === 'fatal') {
      return this.#miss(name, kind, requester, [{place: reason, path, why: verdict.why}], verdict.why);
    }
    const origin = directoryOf(this.#process.lookups.root.absolute(path));
    const member: Member = {...answer, ...file, index: -1, name, loader, origin, edges: []};
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
    tried: readonly Attempt[],
    fatal: string | undefined,
  ): undefined {
    requester.edges.push({name, kind, to: undefined, reason: undefined});
    this.#misses.push({name, kind, requestedBy: requester.index, tried, fatal, optional: optional.has(kind)});
  }

  #result(): ResolvedTree {
    return {
      root: this.#process.lookups.root.host,
      interpreter: this.#interpreter && describeInterpreter(this.#interpreter, this.#process.interpreter),
      nodes: this.#members.map(toNode),
      misses: this.#misses,
      versionProblems: this.#rules === glibc ? checkVersions(this.#members, this.#process.names) : [],
    };
  }
}

/** Requests without which a program starts all the same; a preload that fails costs a message. */
const optional: ReadonlySet<RequestKind> = new Set(['auxiliary', 'preload', 'dlopen']);

function settingsOf(options: ResolveTreeOptions, facts: LoaderFacts, machine: MachineFacts): Settings {
  return {
    libraryPath: options.libraryPath,
    hwcaps: hwcapsUpTo(options.hwcaps, facts),
    platform: options.platform ?? usualPlatform[machine.e_machine],
    secure: options.secure ?? false,
    inhibitCache: options.inhibitCache ?? false,
  };
}

function hwcapsUpTo(best: string | undefined, {hwcaps}: LoaderFacts): readonly string[] {
  if (best === undefined || hwcaps.length === 0) return [];
  if (!hwcaps.includes(best)) {
    throw new ElfError('BAD_REQUEST', 'the loader does not know this hwcaps level', {
      expected: hwcaps.join(', '),
      got: best,
      value: best,
    });
  }
  return hwcaps.slice(hwcaps.indexOf(best));
}

/** AT_PLATFORM where it is the same on nearly all machines of an architecture. */
const usualPlatform: Readonly<Record<number, string>> = {
  3: 'i686',
  21: 'power8',
  22: 'z13',
  40: 'v7l',
  62: 'x86_64',
  183: 'aarch64',
};

/** The kernel tells a program's real path by /proc/self/exe; `ld.so PROGRAM` goes by the path it was given. */
function programMember(root: Root, path: string, file: LookedUpFile, options: ResolveTreeOptions): Member {
  const origin = options.direct
    ? directoryOf(root.absolute(path))
    : realOrigin(root, path, options.proc ?? true);
  const reason: Reason = {kind: 'program'};
  return {...file, index: -1, name: path, path, loader: undefined, reason, origin, edges: [], passedOver: []};
}

function realOrigin(root: Root, path: string, proc: boolean): string | undefined {
  const real = proc ? root.resolve(path) : undefined;
  return real?.found ? directoryOf(real.inside) : undefined;
}

function interpreterMember({file, path}: Interpreter): Member | undefined {
  if (file === undefined || path === undefined) return undefined;
  const reason: Reason = {kind: 'interpreter'};
  return {
    ...file,
    index: -1,
    name: path,
    path,
    loader: undefined,
    reason,
    origin: undefined,
    edges: [],
    passedOver: [],
  };
}

/** The name by which the interpreter knows itself: PT_INTERP, or what it was called by. */
function interpreterName(interpreter: Interpreter | undefined, {direct}: ResolveTreeOptions): string {
  const {requested, path, substituted} = interpreter ?? {};
  return (direct || substituted ? path : (requested ?? path)) ?? '';
}

/** Every name that the interpreter answers to: PT_INTERP as it stands in the program, its own path, its SONAME. */
function interpreterNames({interpreter, interpreterName}: Process, found: Interpreter | undefined): string[] {
  const names = [found?.requested, interpreterName, interpreter?.object.dynamic?.soname];
  return names.filter((name) => name !== undefined && name !== '') as string[];
}

function describeInterpreter(interpreter: Interpreter, member: Member | undefined): InterpreterInfo {
  const {requested, path, file, facts, substituted} = interpreter;
  const {libc, version, pathFile} = facts;
  return {requested, path, host: file?.host, libc, version, pathFile, substituted, node: member?.index};
}

function toNode(member: Member): TreeNode {
  const {index, name, loader, reason, path, host, identity, object, passedOver} = member;
  const {soname, rpath, runpath} = object.dynamic ?? {};
  const {dlopen} = object;
  const edges = member.edges.map(({to, ...edge}): Edge => ({...edge, to: to?.index}));
  return {
    index,
    name,
    requestedBy: loader?.index,
    reason,
    path,
    host,
    identity,
    soname,
    rpath,
    runpath,
    edges,
    dlopen,
    passedOver,
  };
}
