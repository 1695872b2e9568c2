/*
 * A program being loaded: what has been loaded so far, and what a loader's rules may look up. glibc.ts and musl.ts are
 * such rules; loading.ts applies them.
 */
import type {MachineFacts} from '../elf/machine.js';
import type {Verdict} from './candidate.js';
import type {LoaderFacts} from './loader-facts.js';
import type {LookedUpFile, Lookups} from './lookups.js';
import type {ObjectFile} from './object.js';
import type {Settings} from './options.js';
import type {Rejections, Searches, SearchList} from './searches.js';
import type {Attempt, Edge, Place, Reason, RequestKind} from './tree.js';

/** An object in memory. */
export interface Member {
  /** Position in the order of loading; -1 for an interpreter that was not asked for yet. */
  index: number;
  readonly name: string;
  /** The path as the loader names it. */
  readonly path: string;
  readonly host: string;
  readonly identity: string;
  readonly object: ObjectFile;
  /** The object whose request loaded it. */
  readonly loader: Member | undefined;
  readonly reason: Reason;
  /** The value of $ORIGIN in it. */
  readonly origin: string | undefined;
  readonly edges: PendingEdge[];
  readonly passedOver: readonly Attempt[];
}

/** An edge whose end is not numbered yet. */
interface PendingEdge extends Omit<Edge, 'to'> {
  readonly to: Member | undefined;
}

export interface Process {
  readonly lookups: Lookups;
  readonly facts: LoaderFacts;
  readonly machine: MachineFacts;
  readonly settings: Settings;
  readonly program: Member;
  readonly interpreter: Member | undefined;
  /** The name by which the interpreter knows itself: from PT_INTERP, or from the command that started it. */
  readonly interpreterName: string;
  /** Which member answers to a name without a search; the first to take a name keeps it. */
  readonly names: Map<string, Named>;
  /** The places in which it looks for libraries. */
  readonly searches: Searches;
  /** What the rules work out once for a process. */
  readonly memo: Memo;
}

/** Values that are worked out once for a member, or for the process under a name. */
export class Memo {
  readonly #values = new Map<unknown, Map<string, unknown>>();

  /** The value, made if it is not there yet. Each name has values of one type. */
  get<T>(of: Member | undefined, name: string, make: () => T): T {
    const values = this.#values.get(of) ?? new Map<string, unknown>();
    this.#values.set(of, values);
    if (!values.has(name)) values.set(name, make());
    return values.get(name) as T;
  }
}

/** The member that has a name, and whether the name is its SONAME or one by which it was requested. */
export interface Named {
  readonly member: Member;
  readonly by: 'name' | 'soname';
}

/** What a loader does with a request. */
export type Answer =
  | {readonly kind: 'loaded'; readonly member: Member; readonly reason: Reason}
  | {
      readonly kind: 'file';
      /** The name as it was looked for, tokens replaced. */
      readonly name: string;
      readonly path: string;
      readonly file: LookedUpFile;
      readonly reason: Place | {readonly kind: 'inside'};
      readonly passedOver: readonly Attempt[];
    }
  | ({readonly kind: 'missing'} & Failure);

/** The outcome of a search that found nothing. */
export interface Failure {
  readonly soughtAs: string;
  readonly searches: readonly SearchList[];
  readonly rejections: Rejections;
  /** What the loader says where it gives up. */
  readonly fatal: string | undefined;
}

/** How the loader of one C library differs from another's. */
export interface LoaderRules {
  /** The entries of a dynamic section that this loader follows. */
  readonly follows: ReadonlySet<RequestKind>;
  /** Whether a preload counts as asked for by the program, which gives it the program's search paths. */
  readonly preloadsForProgram: boolean;
  /** Answer a request; `requester` is undefined for a preload. */
  find(process: Process, name: string, requester: Member | undefined): Answer;
  /** Remember under which names a member answers, after a request for `name` led to it by its file. */
  remember(process: Process, member: Member, name: string): void;
  /** Whether a file that is not in memory yet can be loaded as a library. */
  admit(process: Process, file: LookedUpFile): Verdict | {readonly kind: 'interpreter'};
}

/** The reason for an answer from memory. */
export function alreadyLoaded(
  process: Process,
  member: Member,
  by: 'name' | 'soname' | 'file',
  as: string,
): Reason {
  return member === process.interpreter ? {kind: 'interpreter'} : {kind: 'already-loaded', by, as};
}
