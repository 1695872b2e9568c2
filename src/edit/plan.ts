import type {Patch} from '../source/overlay.js';

/** The places for new bytes, in the order they are tried. */
export const placements = ['none', 'in-place', 'slack', 'new-segment'] as const;

/**
 * Where the new bytes went: nowhere, since nothing changes; in the place of the old ones; into existing slack; or into
 * a new LOAD at the end of the file. A plan's placement is the last one in this order that any of its edits needed.
 */
export type Placement = (typeof placements)[number];

/** Return the placement that is tried later. */
export function laterPlacement(a: Placement, b: Placement): Placement {
  return placements.indexOf(a) > placements.indexOf(b) ? a : b;
}

/** Bytes to write at an offset of the file, and why. */
export interface Write extends Patch {
  /** What is there now, as far as the file reaches; applying a plan checks it. */
  readonly before: Uint8Array;
  readonly reason: string;
}

/** A range of the file that an edit means to change. All other mapped bytes must stay the same. */
export interface Region {
  readonly offset: number;
  readonly size: number;
  readonly what: string;
}

/** A range of the file that moves to another offset. */
export interface PayloadMove {
  readonly from: number;
  readonly to: number;
  readonly size: number;
}

/** What to do to a file: plain data, to be printed, tested, or applied by `applyPlan`. */
export interface Plan {
  readonly path: string | undefined;
  readonly placement: Placement;
  /** Length of the file in bytes, before and after. */
  readonly inputSize: number;
  readonly outputSize: number;
  /** Bytes after the image that move unchanged, before anything is written. `writes` apply to the file without them. */
  readonly payload?: PayloadMove;
  /** Disjoint, sorted by offset; empty if the placement is `none`. */
  readonly writes: readonly Write[];
  readonly regions: readonly Region[];
  /** What changes, in words, one entry per edit. */
  readonly changes: readonly string[];
  /** What else the user should know. */
  readonly notes: readonly string[];
  /** Whether the dynamic section is no longer read-only after relocation (RELRO); a note says so too. */
  readonly leavesRelro?: boolean;
}
