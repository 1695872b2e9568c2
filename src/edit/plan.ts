import type {Patch} from '../source/overlay.js';

/** The places for new bytes, in the order in which they are tried. */
export const placements = ['none', 'in-place', 'slack', 'new-segment'] as const;

/**
 * Where the new bytes went: nowhere, since nothing changes; in the place of the old ones; into existing slack; or into a
 * new LOAD at the end of the file. A plan's placement is the last in this order that one of its edits needed.
 */
export type Placement = (typeof placements)[number];

/** The one of two that is tried later. */
export function laterPlacement(a: Placement, b: Placement): Placement {
  return placements.indexOf(a) > placements.indexOf(b) ? a : b;
}

/** Bytes to write at an offset of the file, and why. */
export interface Write extends Patch {
  /** What is there now, as far as the file reaches; applying a plan checks it. */
  readonly before: Uint8Array;
  readonly reason: string;
}

/** A range of the file that an edit means to change. Whatever else is mapped must stay as it is. */
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
  /** Bytes after the image that move as they are, before anything is written. `writes` fit the file without them. */
  readonly payload?: PayloadMove;
  /** Disjoint, in the order of their offsets; empty where the placement is `none`. */
  readonly writes: readonly Write[];
  readonly regions: readonly Region[];
  /** What changes, in words, one edit each. */
  readonly changes: readonly string[];
  /** What the user should know besides. */
  readonly notes: readonly string[];
  /** Whether the dynamic section is no longer read-only after relocation (RELRO); a note says so too. */
  readonly leavesRelro?: boolean;
}
