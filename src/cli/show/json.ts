import type {FileRegion, RegionPair} from '../../index.js';
import type {Comparison, FileReport} from './report.js';

/** The facts as data. A fact that the file does not have is null. */
export function reportToJson({path, facts, segments, dynamic, map}: FileReport): object {
  return {
    file: path,
    ...withNulls(facts),
    hardening: facts.hardening === undefined ? null : withNulls(facts.hardening),
    segments,
    dynamic,
    map: map.map(withNulls),
  };
}

/** Two files as data; `regions` leaves out what is unchanged. */
export function comparisonToJson({before, after, pairs, changed}: Comparison): object {
  return {
    before: reportToJson(before),
    after: reportToJson(after),
    changed,
    regions: pairs.filter(({change}) => change !== 'same').map(pairToJson),
  };
}

function pairToJson({before, after, change, different}: RegionPair): object {
  const region = (side: FileRegion | undefined) => (side === undefined ? null : withNulls(side));
  return {change, different, before: region(before), after: region(after)};
}

function withNulls(record: object): object {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, value ?? null]));
}
