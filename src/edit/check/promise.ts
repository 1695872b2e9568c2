/*
 * What a plan promises and what was asked for, in the checker's own types: it imports nothing from the planner, so that
 * the two do not share bugs. Plans and requests are assignable to these types.
 */
import type {Patch} from '../../source/overlay.js';
import type {Range} from '../../source/range-set.js';

/** What a plan declares to do. */
export interface Promised {
  readonly outputSize: number;
  readonly writes: readonly PromisedWrite[];
  /** What it means to change. */
  readonly regions: readonly Range[];
  /** Whether it declares that the dynamic section is no longer read-only after relocation. */
  readonly leavesRelro?: boolean;
}

export interface PromisedWrite extends Patch {
  /** What is there now. */
  readonly before: Uint8Array;
  readonly reason: string;
}

/** What was asked for, as far as it can be read back. */
export interface Requested {
  readonly interpreter?: string;
  readonly rpath?: string;
  readonly runpath?: string;
  readonly convertRpath?: 'rpath' | 'runpath';
  readonly addRpath?: string;
  readonly removeRpath?: boolean;
  readonly addNeeded?: readonly string[];
  readonly addNeededFirst?: readonly string[];
  readonly removeNeeded?: readonly string[];
  readonly replaceNeeded?: Readonly<Record<string, string>>;
  readonly soname?: string;
  readonly noDefaultLib?: boolean;
  readonly execStack?: boolean;
  readonly osAbi?: string;
  readonly addDebugTag?: boolean;
  readonly clearSymbolVersions?: readonly string[];
  readonly renameSymbols?: Readonly<Record<string, string>>;
  readonly pageSize?: number;
}
