/*
 * What `show` shows of one file, or of two, as data. Text, SVG, HTML and the playground are drawn from it.
 */
import {
  type DynamicLine,
  describeElf,
  ElfError,
  type ElfFacts,
  type ElfView,
  type FileRegion,
  listDynamic,
  listSegments,
  mapFile,
  programInside,
  type RegionPair,
  type SegmentLine,
} from '../../index.js';

export interface FileReport {
  readonly path: string;
  readonly facts: ElfFacts;
  readonly segments: readonly SegmentLine[];
  readonly dynamic: readonly DynamicLine[];
  readonly map: readonly FileRegion[];
}

/** Two files, or one before and after an edit. */
export interface Comparison {
  readonly before: FileReport;
  readonly after: FileReport;
  readonly pairs: readonly RegionPair[];
  /** Where bytes differ at the same offset. */
  readonly changed: readonly Span[];
}

/** A range of a file. */
export interface Span {
  readonly offset: number;
  readonly size: number;
}

/** Look at a file. What cannot be read is left out, and the facts say so. */
export function reportOf(view: ElfView, path: string): FileReport {
  const unreadable: string[] = [];
  const attempt = <T>(read: () => T[]): T[] => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      unreadable.push(error.message);
      return [];
    }
  };
  const facts = describeElf(view);
  const segments = attempt(() => listSegments(view));
  const dynamic = attempt(() => listDynamic(programInside(view) ?? view));
  const map = attempt(() => mapFile(view));
  return {
    path,
    facts: {...facts, unreadable: [...new Set([...facts.unreadable, ...unreadable])]},
    segments,
    dynamic,
    map,
  };
}
