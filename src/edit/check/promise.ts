/*
 * What a plan promises and what was asked for, in the check's own words: it imports nothing of the planner, so that the
 * two cannot be wrong together. A plan and a request fit these types as they are.
 */
import type {Patch} from '../../source/overlay.js';
import type {Range} from '../../source/range-set.js';

/** What a plan says that it does. */
export interface Promised {
  readonly outputSize: number;
  readonly writes: readonly PromisedWrite[];
  /** What it means to change. */
  readonly regions: readonly Range[];
  /** It says that the dynamic section is no longer read-only after relocation. */
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
