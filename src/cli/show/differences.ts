import {hex, type RegionPair} from '../../index.js';
import type {FileReport} from './report.js';
import {bytes, count, factsInWords} from './words.js';

/** A fact that two files do not share, in words; empty where a file has none of it. */
interface DifferentFact {
  readonly label: string;
  readonly old: string;
  readonly now: string;
}

export function differentFacts(before: FileReport, after: FileReport): DifferentFact[] {
  const [old, now] = [textByLabel(before), textByLabel(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((label) => ({label, old: old.get(label) ?? '', now: now.get(label) ?? ''}))
    .filter((fact) => fact.old !== fact.now);
}

function textByLabel({facts}: FileReport): Map<string, string> {
  return new Map(
    factsInWords(facts).map(({label, values}) => [label, values.map(({text}) => text).join(', ')]),
  );
}

/** What became of a region: "0x350, 28 bytes -> 0x77688, 35 bytes". */
export function story({before, after, change, different}: RegionPair): string {
  if (before === undefined) return place(after);
  if (after === undefined) return place(before);
  if (change === 'content')
    return `${bytes(different)} of ${count(after.size)} differ at ${hex(after.offset)}`;
  return `${place(before)} -> ${place(after)}`;
}

function place(region: {offset: number; size: number} | undefined): string {
  return region === undefined ? '' : `${hex(region.offset)}, ${bytes(region.size)}`;
}
