/*
 * Two files side by side for a terminal: what differs in the facts, both maps on one scale with the changed places
 * marked below, and what became of each region.
 */
import {printable, type RegionPair} from '../../index.js';
import {type SafeText, safe} from '../safe-text.js';
import type {Terminal} from '../terminal.js';
import {differentFacts, story} from './differences.js';
import type {Comparison, FileReport} from './report.js';
import {touched} from './scale.js';
import {cutLine, legend, mark, section, strip, stripWidth} from './text.js';
import {paint} from './tones.js';
import {bytes, changeNames, count} from './words.js';

/** Write a comparison; the lines. */
export function comparisonToText(comparison: Comparison, terminal: Terminal): SafeText[] {
  const {before, after} = comparison;
  const facts = factsToText(before, after, terminal);
  const regions = regionsToText(comparison.pairs, terminal);
  return [
    safe`${paint('-', 'bad', terminal)} ${before.path}`,
    safe`${paint('+', 'good', terminal)} ${after.path}`,
    ...section('facts', facts.length > 0 ? facts : [safe`  the same`], terminal),
    ...section('map', mapsToText(comparison, terminal), terminal),
    ...section('regions', regions.length > 0 ? regions : [safe`  the same`], terminal),
  ];
}

function factsToText(before: FileReport, after: FileReport, terminal: Terminal): SafeText[] {
  return differentFacts(before, after).flatMap(({label, old, now}) => [
    ...(old === '' ? [] : [safe`${paint('-', 'bad', terminal)} ${label.padEnd(14)}${old}`]),
    ...(now === '' ? [] : [safe`${paint('+', 'good', terminal)} ${label.padEnd(14)}${now}`]),
  ]);
}

function mapsToText({before, after, changed}: Comparison, terminal: Terminal): SafeText[] {
  const whole = Math.max(before.facts.size, after.facts.size);
  const places = stripWidth(terminal);
  const label = (text: string) => `  ${text.padEnd(14)}`;
  const sum = changed.reduce((total, {size}) => total + size, 0);
  const marks = touched(changed, whole, places).map((isTouched) => (isTouched ? '^' : ' '));
  return [
    ...legend(after.map, after.facts.size, terminal),
    safe``,
    safe`${label('before')}${strip(before.map, before.facts.size, whole, terminal)}`,
    safe`${label('after')}${strip(after.map, after.facts.size, whole, terminal)}`,
    safe`${label('changed')}${paint(marks.join('').trimEnd(), 'bad', terminal)}`,
    safe``,
    safe`  ${changed.length === 0 ? 'no byte differs' : `${bytes(sum)} in ${count(changed.length)} ${changed.length === 1 ? 'place' : 'places'}`}`,
  ];
}

function regionsToText(pairs: readonly RegionPair[], terminal: Terminal): SafeText[] {
  return pairs
    .filter(({change}) => change !== 'same')
    .map((pair) => {
      const region = pair.after ?? pair.before;
      const kind = region?.kind ?? 'unknown';
      const head = `  ${changeNames[pair.change].padEnd(12)}`;
      return cutLine(
        head,
        safe`${mark(kind, terminal)} `,
        `${printable(region?.name ?? '')}: ${story(pair)}`,
        terminal,
      );
    });
}
