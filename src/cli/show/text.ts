/*
 * `show` for a terminal of any width, with and without colour, with and without Unicode. Every kind of region has a
 * character of its own, so that colour only helps.
 */
import {
  type DynamicLine,
  type FileRegion,
  hex,
  printable,
  type RegionKind,
  type SegmentLine,
} from '../../index.js';
import {joined, type SafeText, safe} from '../safe-text.js';
import type {Terminal} from '../terminal.js';
import type {FileReport} from './report.js';
import {largestRegions, sample, totals} from './scale.js';
import {paint, tones} from './tones.js';
import {
  count,
  type FactValue,
  factsInWords,
  headline,
  kindNames,
  kinds,
  lineLabels,
  regionInWords,
  share,
} from './words.js';

/** Write a file's facts, map, segments and dynamic entries; the lines. */
export function reportToText(report: FileReport, terminal: Terminal): SafeText[] {
  const {facts, segments, dynamic, map, path} = report;
  return [
    safe`${paint(path, 'bold', terminal)}: ${headline(facts)}`,
    safe``,
    ...factsToText(factsInWords(facts), terminal),
    ...section('map', mapToText(report, terminal), terminal),
    ...section('regions', regionsToText(map, terminal), terminal),
    ...section('segments', segmentsToText(segments, terminal), terminal),
    ...section('dynamic entries', dynamicToText(dynamic, terminal), terminal),
  ];
}

export function section(title: string, lines: readonly SafeText[], terminal: Terminal): SafeText[] {
  return lines.length === 0 ? [] : [safe``, paint(title, 'bold', terminal), ...lines];
}

/** Width of the column of labels. */
const labelWidth = 14;

/** Write facts as labels with lists beside them. */
export function factsToText(
  facts: readonly {label: string; values: readonly FactValue[]}[],
  terminal: Terminal,
): SafeText[] {
  const width = Math.max(20, terminal.columns - labelWidth - 2);
  return facts.flatMap(({label, values}) => {
    const lines = lineLabels.has(label) ? values.map((value) => [value]) : wrapValues(values, width);
    return lines.flatMap((line, i) =>
      wrapText(line.map(({text}) => text).join(', '), width).map((text, j, pieces) => {
        const head = i === 0 && j === 0 ? label.padEnd(labelWidth) : ' '.repeat(labelWidth);
        const comma = !lineLabels.has(label) && i < lines.length - 1 && j === pieces.length - 1 ? ',' : '';
        return safe`  ${paint(head, 'dim', terminal)}${tint(text, line, terminal)}${comma}`;
      }),
    );
  });
}

/** A line's values in the colours of good and bad; a line that had to be broken stays as it is. */
function tint(text: string, values: readonly FactValue[], terminal: Terminal): SafeText {
  if (text !== values.map((value) => value.text).join(', ')) return safe`${text}`;
  const tinted = values.map((value) =>
    value.good === undefined ? value.text : paint(value.text, value.good ? 'good' : 'bad', terminal),
  );
  return joined(tinted, ', ');
}

function wrapValues(values: readonly FactValue[], width: number): FactValue[][] {
  const lines: FactValue[][] = [];
  let used = 0;
  for (const value of values) {
    const last = lines.at(-1);
    if (last === undefined || used + 3 + value.text.length > width) {
      lines.push([value]);
      used = value.text.length;
    } else {
      last.push(value);
      used += 2 + value.text.length;
    }
  }
  return lines;
}

/** Break at spaces and colons where that is possible, else anywhere. */
function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const at = Math.max(rest.lastIndexOf(' ', width), rest.lastIndexOf(':', width - 1)) + 1;
    const cut = at > width / 3 ? at : width;
    lines.push(rest.slice(0, cut).trimEnd());
    rest = rest.slice(cut);
  }
  return [...lines, rest];
}

function mapToText({map, facts: {size}, segments}: FileReport, terminal: Terminal): SafeText[] {
  if (map.length === 0) return [];
  const places = stripWidth(terminal);
  const label = (text: string) => `  ${text.padEnd(labelWidth)}`;
  return [
    ...legend(map, size, terminal),
    safe``,
    safe`${label('file')}${strip(map, size, size, terminal)}`,
    ...segments
      .filter((segment) => segment.size > 0 && segment.offset < size && drawnSegments.has(segment.type))
      .map((segment) => {
        const name = `${segment.type.replace(/^PT_(GNU_)?/, '')} ${segment.flags}`;
        return safe`${label(name)}${span(segment.offset, segment.size, size, places, terminal)}`;
      }),
    safe`${label('')}${ruler(size, places)}`,
  ];
}

const drawnSegments: ReadonlySet<string> = new Set(['PT_LOAD', 'PT_GNU_RELRO', 'PT_TLS', 'PT_NOTE']);

/** Characters that a map has beside the labels. */
export function stripWidth({columns}: Terminal): number {
  return Math.max(16, columns - labelWidth - 3);
}

/** A file as one line of characters, `whole` bytes wide. */
export function strip(map: readonly FileRegion[], size: number, whole: number, terminal: Terminal): SafeText {
  const places = Math.max(1, Math.round((stripWidth(terminal) * size) / whole));
  const marks = sample(map, size, places).map((kind) => (kind === undefined ? ' ' : mark(kind, terminal)));
  return joined(marks, '');
}

/** The character of a kind, in its colour. */
export function mark(kind: RegionKind, terminal: Terminal): SafeText {
  const {ascii, unicode, color} = tones[kind];
  return paint(terminal.unicode ? unicode : ascii, color, terminal);
}

function span(offset: number, length: number, size: number, places: number, {unicode}: Terminal): string {
  const from = Math.min(places - 1, Math.floor((offset * places) / size));
  const to = Math.max(from + 1, Math.min(places, Math.round(((offset + length) * places) / size)));
  return ' '.repeat(from) + (unicode ? '━' : '-').repeat(to - from);
}

/** Where the file begins, its middle, and its end. */
function ruler(size: number, places: number): string {
  const [middle, end] = [hex(Math.floor(size / 2)), hex(size)];
  const left = '0'.padEnd(Math.floor(places / 2) - Math.floor(middle.length / 2)) + middle;
  return left.length + end.length + 1 > places
    ? `0${end.padStart(places - 1)}`
    : left + end.padStart(places - left.length);
}

/** Which character is what, with its share of the file; two kinds or more a line, as they fit. */
export function legend(map: readonly FileRegion[], size: number, terminal: Terminal): SafeText[] {
  const sums = totals(map);
  const entries = kinds
    .filter((kind) => sums.has(kind))
    .map((kind) => {
      const sum = sums.get(kind) ?? 0;
      return {kind, text: `${kindNames[kind]} ${count(sum)} (${share(sum, size)})`};
    });
  const width = Math.max(...entries.map(({text}) => text.length)) + 4;
  const perLine = Math.max(1, Math.floor((terminal.columns - 2) / width));
  const lines: SafeText[] = [];
  for (let i = 0; i < entries.length; i += perLine) {
    const row = entries.slice(i, i + perLine);
    const line = row.map(({kind, text}, j) => {
      const padded = j === row.length - 1 ? text : text.padEnd(width - 2);
      return safe`${mark(kind, terminal)} ${padded}`;
    });
    lines.push(safe`  ${line}`);
  }
  return lines;
}

/** At most this many lines; `--json` lists all. */
const mostRegions = 100;

function regionsToText(map: readonly FileRegion[], terminal: Terminal): SafeText[] {
  const {kept, left} = largestRegions(map, mostRegions);
  const lines = kept.map(({offset, size, kind, name, flags}) =>
    cutLine(
      `  ${hex(offset).padStart(10)} ${count(size).padStart(13)}  ${flags.padEnd(3)}  `,
      safe`${mark(kind, terminal)} `,
      regionInWords({name, kind}),
      terminal,
    ),
  );
  return left === 0 ? lines : [...lines, safe`  smaller regions not shown: ${count(left)}`];
}

/** A line whose last part is cut where the terminal ends. `painted` is two characters wide. */
export function cutLine(head: string, painted: SafeText, tail: string, {columns}: Terminal): SafeText {
  const room = columns - head.length - 2;
  return safe`${head}${painted}${tail.length > room ? `${tail.slice(0, Math.max(0, room - 3))}...` : tail}`;
}

function segmentsToText(segments: readonly SegmentLine[], terminal: Terminal): SafeText[] {
  return segments.map(({type, flags, offset, size, address, memorySize}) => {
    const memory = memorySize === size ? '' : `, ${count(memorySize)} in memory`;
    const line = `  ${type.padEnd(16)} ${flags}  ${hex(offset).padStart(10)} ${count(size).padStart(13)}  at ${hex(address)}${memory}`;
    return safe`${line.slice(0, terminal.columns)}`;
  });
}

function dynamicToText(dynamic: readonly DynamicLine[], terminal: Terminal): SafeText[] {
  const longest = dynamic.reduce((most, {tag}) => Math.max(most, tag.length), 0);
  const width = Math.min(20, longest + 1);
  return dynamic.map(({tag, text}) => cutLine(`  ${tag.padEnd(width)}`, safe``, printable(text), terminal));
}
