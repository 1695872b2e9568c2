/*
 * The parts of a page about a file: facts, map, tables. The page of `show` and the playground are made of them.
 */
import {type DynamicLine, type FileRegion, hex, type RegionPair, type SegmentLine} from '../../index.js';
import {differentFacts, story} from './differences.js';
import {layoutMap, type MapLayout, type Strip} from './layout.js';
import {html, type Markup} from './markup.js';
import type {Comparison, FileReport, Span} from './report.js';
import {largestRegions, totals} from './scale.js';
import {bytes, changeNames, count, type Fact, kindNames, kinds, lineLabels, share} from './words.js';

export function factList(facts: readonly Fact[]): Markup {
  return html`<dl class="facts">${facts.map(
    ({label, values}) =>
      html`<dt>${label}</dt><dd class="${lineLabels.has(label) ? 'lines' : ''}">${values.map(({text, good}) => html`<span class="${tone(good)}">${text}</span>`)}</dd>`,
  )}</dl>`;
}

function tone(good: boolean | undefined): string {
  return good === undefined ? '' : good ? 'good' : 'bad';
}

export function legendList(map: readonly FileRegion[], size: number): Markup {
  const sums = totals(map);
  const entries = kinds.filter((kind) => sums.has(kind));
  return html`<ul class="legend">${entries.map((kind) => {
    const sum = sums.get(kind) ?? 0;
    return html`<li><i class="k-${kind}"></i>${kindNames[kind]} <span class="soft">${count(sum)} (${share(sum, size)})</span></li>`;
  })}</ul>`;
}

/** A file's map: the whole on one scale, and its parts enlarged. */
export function mapOf({map, segments, facts: {size}}: FileReport, changed: readonly Span[] = []): Markup {
  const layout = layoutMap(map, segments, size, changed);
  return html`<div class="map">${wholeRow(layout)}${layout.parts.map((part) => row(part, ''))}</div>`;
}

/** Two maps on one scale, the changed places marked on both; the parts of the second enlarged. */
export function mapsOf({before, after, changed}: Comparison): Markup {
  const scale = Math.max(before.facts.size, after.facts.size);
  const [old, now] = [before, after].map(({map, segments, facts: {size}}) =>
    layoutMap(map, segments, size, changed, scale),
  );
  return html`<div class="map">${old && wholeRow(old, 'before')}${now && wholeRow(now, 'after')}${now?.parts
    .filter(({marks}) => marks.length > 0)
    .map((part) => row({...part, label: `after, enlarged: ${part.label}`}, ''))}</div>`;
}

function wholeRow({whole, size}: MapLayout, label = whole.label): Markup {
  return row({...whole, label: `${label}, ${bytes(size)}`}, 'whole');
}

function row({label, blocks, marks}: Strip, className: string): Markup {
  const drawn = blocks.map(
    ({start, width, kind, name, title}) =>
      html`<span class="${width > seam ? 'seam ' : ''}k-${kind}" style="left:${percent(start)};width:${percent(width)}" title="${title}">${
        fits(name, width) ? name : ''
      }</span>`,
  );
  const ticks = marks.map(
    ({start, width}) => html`<i style="left:min(${percent(start)},100% - 3px);width:${percent(width)}"></i>`,
  );
  const spoken = `Map of ${label}${marks.length > 0 ? `, ${marks.length} changed ${marks.length === 1 ? 'place' : 'places'} marked` : ''}; the table lists its regions`;
  return html`<div class="row ${className}"><span class="label">${label}</span><div class="strip" role="img" aria-label="${spoken}">${drawn}</div>${
    marks.length > 0 ? html`<div class="marks" aria-hidden="true">${ticks}</div>` : ''
  }</div>`;
}

/** Blocks wider than this fraction of a strip end in a line, so that neighbours of one colour can be told apart. */
const seam = 0.004;

function percent(part: number): string {
  return `${Number((part * 100).toFixed(4))}%`;
}

/** A strip is some 900 pixels wide where names are shown at all, and a character some 8. */
function fits(name: string, width: number): boolean {
  return name.length * 8 + 12 < width * 900;
}

/** Rows that a browser draws without pause. */
const mostRows = 400;

export function regionTable(map: readonly FileRegion[], size: number): Markup {
  const {kept, left} = largestRegions(map, mostRows);
  const rows = kept.map(
    ({offset, size: length, kind, name, flags}) =>
      html`<tr><td class="name"><i class="swatch k-${kind}"></i>${name}</td><td class="wide">${kindNames[kind]}</td><td class="num">${hex(
        offset,
      )}</td><td class="num">${count(length)}</td><td class="num wide">${share(length, size)}</td><td class="mono">${flags}</td></tr>`,
  );
  const more = left === 0 ? '' : html`<p class="soft">Smaller regions omitted: ${count(left)}.</p>`;
  return html`${table('Regions of the file', ['region', '.kind', '#offset', '#bytes', '#.share', 'mapped'], rows)}${more}`;
}

export function segmentTable(segments: readonly SegmentLine[]): Markup {
  const rows = segments.map(
    ({type, flags, offset, size, address, memorySize}) =>
      html`<tr><td class="name">${type}</td><td class="mono">${flags}</td><td class="num">${hex(offset)}</td><td class="num">${count(
        size,
      )}</td><td class="num">${hex(address)}</td><td class="num">${count(memorySize)}</td></tr>`,
  );
  return table('Segments', ['type', 'flags', '#offset', '#bytes', '#address', '#in memory'], rows);
}

export function dynamicTable(dynamic: readonly DynamicLine[]): Markup {
  const rows = dynamic.map(
    ({tag, text}) => html`<tr><td class="name">${tag}</td><td class="name">${text}</td></tr>`,
  );
  return table('Dynamic entries', ['tag', 'value'], rows);
}

export function factTable({before, after}: Comparison): Markup {
  const rows = differentFacts(before, after).map(
    ({label, old, now}) =>
      html`<tr><td>${label}</td><td class="name">${old}</td><td class="name">${now}</td></tr>`,
  );
  return table('Facts that differ', ['fact', 'before', 'after'], rows);
}

export function changeTable(pairs: readonly RegionPair[]): Markup {
  const rows = pairs
    .filter(({change}) => change !== 'same')
    .slice(0, mostRows)
    .map((pair) => {
      const region = pair.after ?? pair.before;
      return html`<tr><td>${changeNames[pair.change]}</td><td class="name"><i class="swatch k-${region?.kind ?? 'unknown'}"></i>${
        region?.name
      }</td><td>${story(pair)}</td></tr>`;
    });
  return table('Regions that changed', ['what', 'region', 'where'], rows);
}

/**
 * A table that scrolls by itself where the page is narrow. A heading that begins with # is for a column of numbers; one
 * with a dot is for a column that a narrow page leaves out.
 */
export function table(label: string, headings: readonly string[], rows: readonly Markup[]): Markup {
  if (rows.length === 0) return html`<p class="soft">None.</p>`;
  const heads = headings.map((heading) => {
    const classes = `${heading.startsWith('#') ? 'num' : ''} ${/^#?\./.test(heading) ? 'wide' : ''}`.trim();
    return html`<th scope="col" class="${classes}">${heading.replace(/^#?\.?/, '')}</th>`;
  });
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0"><table><thead><tr>${heads}</tr></thead><tbody>${rows}</tbody></table></div>`;
}
