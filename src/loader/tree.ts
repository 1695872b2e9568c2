/*
 * The result of resolving a program, as plain data: a list of the files that the loader would map, each with the
 * libraries it asks for. Nodes refer to one another by their index in `nodes`.
 */
import type {PackedContents} from '../elf/packed.js';
import type {DlopenNote} from './dlopen-notes.js';
import type {Libc} from './loader-facts.js';

/** A place where a loader looks for a library. Directories end with a slash; an empty one is the current one. */
export type Place =
  /** The name has a slash and is opened as it is. */
  | {readonly kind: 'direct'}
  /** DT_RPATH of a node: the one that asks, or one that caused it to be loaded. */
  | {readonly kind: 'rpath'; readonly of: number; readonly directory: string; readonly hwcaps?: string}
  /** LD_LIBRARY_PATH or --library-path. */
  | {readonly kind: 'library-path'; readonly directory: string; readonly hwcaps?: string}
  /** DT_RUNPATH of the node that asks. */
  | {readonly kind: 'runpath'; readonly of: number; readonly directory: string; readonly hwcaps?: string}
  | {readonly kind: 'cache'; readonly cache: string; readonly hwcaps?: string}
  | {readonly kind: 'system-directory'; readonly directory: string; readonly hwcaps?: string};

/** Why a request led to a file. */
export type Reason =
  | Place
  /** The program itself. */
  | {readonly kind: 'program'}
  /** The loader: the program's PT_INTERP, or a name that the loader keeps for itself. */
  | {readonly kind: 'interpreter'}
  /** It is packed into the program. */
  | {readonly kind: 'inside'}
  /** It was in memory already, under that name, under that SONAME, or as the same file (device and inode). */
  | {readonly kind: 'already-loaded'; readonly by: 'name' | 'soname' | 'file'; readonly as: string};

/** Who or what asks for a library: an entry of a dynamic section, an option, a preload list, a note. */
export type RequestKind =
  | 'needed'
  | 'filter'
  | 'auxiliary'
  | 'preload'
  | 'library'
  | 'audit'
  | 'dlopen'
  | 'interpreter';

/** One request for a library. */
export interface Edge {
  /** The name as it is in the file, tokens included. */
  readonly name: string;
  readonly kind: RequestKind;
  /** Index of the node that answers it; undefined when nothing does (see `misses`). */
  readonly to: number | undefined;
  readonly reason: Reason | undefined;
}

/** A place in a search, and the message for a name that is not there. */
export interface SearchPlace {
  readonly place: Place;
  readonly why: string;
}

/**
 * Places that are looked through in order. A search is shared by all requests for which the loader looks in the same
 * places; an object inherits the DT_RPATH of those that loaded it, so searches share their ends too.
 */
export interface Search {
  readonly places: readonly SearchPlace[];
  /** Index in `searches` of the one that comes after it. */
  readonly next: number | undefined;
}

/** A place that was tried without success. */
export interface Attempt {
  readonly place: Place;
  /** Path inside the root; if the cache has no entry, the path of the cache. */
  readonly path: string;
  readonly why: string;
}

/** A place in a search where the outcome was not the one that the place itself gives (`why`). */
export interface Rejection extends Attempt {
  /** Index in `searches`; undefined for a request that is not searched for, such as a path. */
  readonly search: number | undefined;
  /** Index in the places of that search. */
  readonly position: number;
  /** What the loader skips after that: the places after it in the same search, or all that are left. */
  readonly ends: 'nothing' | 'search' | 'request';
}

/** A file that the loader would map. */
export interface TreeNode {
  readonly index: number;
  /** The name under which it was asked for first; for the program, the path given. */
  readonly name: string;
  /** The node that asked first; undefined for the program, the interpreter, a preload. */
  readonly requestedBy: number | undefined;
  readonly reason: Reason;
  /** The path as the loader names it, inside the root; of a file in a packed program, as in "qemu-arm(libz.so.1)". */
  readonly path: string;
  /** The path by which this process can open it, or the packed program that it is in. */
  readonly host: string;
  /** `device:inode`. */
  readonly identity: string;
  readonly soname: string | undefined;
  readonly rpath: string | undefined;
  readonly runpath: string | undefined;
  /** All its requests except the one for the interpreter, whose miss is only in `misses`. */
  readonly edges: readonly Edge[];
  /** The libraries that it declares it opens with dlopen(3); the option `dlopen` adds them to the tree. */
  readonly dlopen: readonly DlopenNote[];
  /**
   * Files of the right name that the loader passed over on its way here, with the reason; only the first ones if there
   * are very many.
   */
  readonly passedOver: readonly Attempt[];
}

/** A request that nothing answers. */
export interface Miss {
  readonly name: string;
  readonly kind: RequestKind;
  /** The node that asks; the program for what is preloaded, and for the interpreter. */
  readonly requestedBy: number;
  /** The name as it was looked for, its tokens replaced. */
  readonly soughtAs: string;
  /** Where it was looked for: indices in `searches`, in order. See `attemptsOf`. */
  readonly searches: readonly number[];
  /** The places where it was not simply absent, in order; only the first ones if there are very many. */
  readonly rejected: readonly Rejection[];
  /** How many more of those there were. */
  readonly moreRejected: number;
  /** What the loader would say about a file at which it gives up, without looking further. */
  readonly fatal: string | undefined;
  /** Whether the program starts without it. */
  readonly optional: boolean;
}

/** A version that a library does not have. */
export interface VersionProblem {
  readonly version: string;
  /** Index of the library's node. */
  readonly missingIn: number;
  /** Index of the node that wants it. */
  readonly requiredBy: number;
}

/** The loader that loads the program. */
export interface InterpreterInfo {
  /** PT_INTERP; undefined when the program has none (a shared library). */
  readonly requested: string | undefined;
  /** Path inside the root of the loader that was found. */
  readonly path: string | undefined;
  readonly host: string | undefined;
  readonly libc: Libc;
  /** Of glibc, as in "2.36". */
  readonly version: string | undefined;
  /** Of musl: the file with its library directories, to be looked for under the prefix of PT_INTERP. */
  readonly pathFile: string | undefined;
  /** Whether a loader other than PT_INTERP is used. */
  readonly substituted: boolean;
  /** Index of its node. */
  readonly node: number | undefined;
}

/** What a loader would load for a program, from where, and why. */
export interface ResolvedTree {
  /** The host directory that was `/`. */
  readonly root: string;
  /** Undefined for a program that no loader touches: a static one. */
  readonly interpreter: InterpreterInfo | undefined;
  /** What is packed into the program; undefined for one that is not packed. */
  readonly packed: PackedContents | undefined;
  /** The program first, then everything in the order of loading; the interpreter where it is first asked for. */
  readonly nodes: readonly TreeNode[];
  /** Every list of places in which something was looked for without success, with those that come after it. */
  readonly searches: readonly Search[];
  readonly misses: readonly Miss[];
  /** Symbol versions that a library found does not define; each one ends the program like a miss. */
  readonly versionProblems: readonly VersionProblem[];
}
