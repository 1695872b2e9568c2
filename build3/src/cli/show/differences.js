import {hex} from '../../index.js';
import {bytes, count, factsInWords} from './words.js';
export function differentFacts(before, after) {
  const [old, now] = [textByLabel(before), textByLabel(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((label) => ({label, old: old.get(label) ?? '', now: now.get(label) ?? ''}))
    .filter((fact) => fact.old !== fact.now);
}
function textByLabel({facts}) {
  return new Map(
    factsInWords(facts).map(({label, values}) => [label, values.map(({text}) => text).join(', ')]),
  );
}
/** What became of a region: "0x350, 28 bytes -> 0x77688, 35 bytes". */
export function story({before, after, change, different}) {
  if (before === undefined) return place(after);
  if (after === undefined) return place(before);
  if (change === 'content')
    return `${bytes(different)} of ${count(after.size)} differ at ${hex(after.offset)}`;
  return `${place(before)} -> ${place(after)}`;
}
function place(region) {
  return region === undefined ? '' : `${hex(region.offset)}, ${bytes(region.size)}`;
}
//# sourceMappingURL=differences.js.map
