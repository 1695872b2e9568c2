import {differentFacts, story} from './differences.js';
import {touched} from './scale.js';
import {cutLine, legend, mark, section, strip, stripWidth} from './text.js';
import {paint} from './tones.js';
import {bytes, changeNames, clean, count} from './words.js';
/** Write a comparison; the lines. */
export function comparisonToText(comparison, terminal) {
  const {before, after} = comparison;
  const facts = factsToText(before, after, terminal);
  const regions = regionsToText(comparison.pairs, terminal);
  return [
    `${paint('-', 'bad', terminal)} ${clean(before.path)}`,
    `${paint('+', 'good', terminal)} ${clean(after.path)}`,
    ...section('facts', facts.length > 0 ? facts : ['  the same'], terminal),
    ...section('map', mapsToText(comparison, terminal), terminal),
    ...section('regions', regions.length > 0 ? regions : ['  the same'], terminal),
  ];
}
function factsToText(before, after, terminal) {
  return differentFacts(before, after).flatMap(({label, old, now}) => [
    ...(old === '' ? [] : [`${paint('-', 'bad', terminal)} ${label.padEnd(14)}${old}`]),
    ...(now === '' ? [] : [`${paint('+', 'good', terminal)} ${label.padEnd(14)}${now}`]),
  ]);
}
function mapsToText({before, after, changed}, terminal) {
  const whole = Math.max(before.facts.size, after.facts.size);
  const places = stripWidth(terminal);
  const label = (text) => `  ${text.padEnd(14)}`;
  const sum = changed.reduce((total, {size}) => total + size, 0);
  const marks = touched(changed, whole, places).map((isTouched) => (isTouched ? '^' : ' '));
  return [
    ...legend(after.map, after.facts.size, terminal),
    '',
    `${label('before')}${strip(before.map, before.facts.size, whole, terminal)}`,
    `${label('after')}${strip(after.map, after.facts.size, whole, terminal)}`,
    `${label('changed')}${paint(marks.join('').trimEnd(), 'bad', terminal)}`,
    '',
    `  ${changed.length === 0 ? 'no byte differs' : `${bytes(sum)} in ${count(changed.length)} places`}`,
  ];
}
function regionsToText(pairs, terminal) {
  return pairs
    .filter(({change}) => change !== 'same')
    .map((pair) => {
      const region = pair.after ?? pair.before;
      const kind = region?.kind ?? 'unknown';
      const head = `  ${changeNames[pair.change].padEnd(12)}`;
      return cutLine(
        head,
        `${mark(kind, terminal)} `,
        `${clean(region?.name ?? '')}: ${story(pair)}`,
        terminal,
      );
    });
}
//# sourceMappingURL=diff-text.js.map
