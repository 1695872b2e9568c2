/*
 * `show --format svg`: a picture for a README or a wiki. It has the same strips as the page, and texts where they fit:
 * a picture cannot scroll.
 */
import type {RegionKind} from '../../index.js';
import {differentFacts} from './differences.js';
import {layoutMap, type Strip} from './layout.js';
import {html, type Markup, trusted} from './markup.js';
import type {Comparison, FileReport} from './report.js';
import {totals} from './scale.js';
import {themes} from './style.js';
import {bytes, type Fact, factsInWords, headline, kindNames, kinds, share} from './words.js';

const width = 960;
const margin = 24;
const inner = width - 2 * margin;
/** Width of a character of the monospaced 12px font; a little more than any has. */
const em = 7.4;

export function reportToSvg(report: FileReport): string {
  const {path, facts, map, segments} = report;
  const layout = layoutMap(map, segments, facts.size);
  const label = `whole file, ${bytes(facts.size)}`;
  return picture(path, headline(facts), [
    ...factsInWords(facts)
      .filter(({label: name}) => shownFacts.has(name))
      .flatMap(factLines),
    legend(map),
    ...[{...layout.whole, label}, ...layout.parts].map(drawStrip),
  ]);
}

export function comparisonToSvg(comparison: Comparison): string {
  const {before, after, changed} = comparison;
  const scale = Math.max(before.facts.size, after.facts.size);
  const [old, now] = [before, after].map(({map, segments, facts: {size}}) =>
    layoutMap(map, segments, size, changed, scale),
  );
  const facts = differentFacts(before, after).flatMap(({label, old: was, now: is}) =>
    factLines({label, values: [{text: `${was || 'none'} → ${is || 'none'}`}]}),
  );
  const strips = [
    ...(old === undefined ? [] : [{...old.whole, label: `before, ${bytes(old.size)}`}]),
    ...(now === undefined ? [] : [{...now.whole, label: `after, ${bytes(now.size)}`}]),
    ...(now?.parts ?? [])
      .filter(({marks}) => marks.length > 0)
      .map((part) => ({...part, label: `after, enlarged: ${part.label}`})),
  ];
  return picture(`${before.path} and ${after.path}`, headline(after.facts), [
    ...facts,
    legend(after.map),
    ...strips.map(drawStrip),
  ]);
}

const shownFacts: ReadonlySet<string> = new Set([
  'interpreter',
  'needs',
  'libraries',
  'search path',
  'hardening',
  'symbols',
]);

/** Something to draw, and the height it takes. */
interface Drawing {
  readonly height: number;
  draw(y: number): Markup;
}

function picture(title: string, subtitle: string, drawings: readonly Drawing[]): string {
  let y = 76;
  const drawn = drawings.map((drawing) => {
    const result = drawing.draw(y);
    y += drawing.height;
    return result;
  });
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y + 12}" width="${width}" height="${y + 12}" role="img" aria-label="${`Map of ${title}`}">
<style>${trusted(style)}</style>
<rect width="100%" height="100%" fill="var(--paper)"/>
<text x="${margin}" y="36" class="title">${cut(title, inner / 11)}</text>
<text x="${margin}" y="58" class="soft">${subtitle}</text>
${drawn}
</svg>`.markup;
}

const style = `${themes}
text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); }
text.title { font-size: 18px; font-weight: 600; }
text.soft { fill: var(--soft); }
text.free { fill: var(--on-free); }
rect.mark { fill: var(--changed); }`;

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(1, Math.floor(most) - 1))}…`;
}

/** Where the values of facts begin. */
const valueX = margin + 130;

function factLines({label, values}: Fact): Drawing[] {
  const lines: string[] = [];
  for (const {text} of values) {
    const longer = `${lines.at(-1)}, ${text}`;
    if (lines.length > 0 && longer.length * em < width - margin - valueX) lines[lines.length - 1] = longer;
    else lines.push(text);
  }
  return lines.map((line, i) => ({
    height: 18,
    draw: (y) =>
      html`<text x="${margin}" y="${y + 12}" class="soft">${i === 0 ? label : ''}</text><text x="${valueX}" y="${y + 12}">${cut(
        line,
        (width - margin - valueX) / em,
      )}</text>\n`,
  }));
}

function legend(map: FileReport['map']): Drawing {
  const sums = totals(map);
  const size = [...sums.values()].reduce((a, b) => a + b, 0);
  let [x, line] = [margin, 0];
  const entries = kinds
    .filter((kind) => sums.has(kind))
    .map((kind) => {
      const text = `${kindNames[kind]} ${share(sums.get(kind) ?? 0, size)}`;
      const length = text.length * em + 36;
      if (x + length > width - margin) [x, line] = [margin, line + 1];
      const entry = {kind, text, x, line};
      x += length;
      return entry;
    });
  return {
    height: 30 + (line + 1) * 20,
    draw: (y) =>
      html`${entries.map(
        (entry) =>
          html`<rect x="${entry.x}" y="${y + 14 + entry.line * 20}" width="12" height="12" rx="2" ${fill(entry.kind)}/><text x="${
            entry.x + 18
          }" y="${y + 24 + entry.line * 20}">${entry.text}</text>\n`,
      )}`,
  };
}

function drawStrip({label, blocks, marks}: Strip): Drawing {
  return {
    height: marks.length > 0 ? 66 : 56,
    draw: (y) => {
      const rects = blocks.map(
        ({start, width: part, kind, name, title}) =>
          html`<rect x="${px(margin + start * inner)}" y="${y + 16}" width="${px(part * inner)}" height="28" ${fill(kind)}${part > seam ? seamStyle : undefined}><title>${title}</title></rect>${
            name.length * em + 8 < part * inner
              ? html`<text x="${px(margin + (start + part / 2) * inner)}" y="${y + 34}" text-anchor="middle"${textClass(kind)}>${name}</text>`
              : ''
          }\n`,
      );
      const ticks = marks.map(
        ({start, width: part}) =>
          html`<rect class="mark" x="${px(margin + Math.min(start * inner, inner - 2))}" y="${y + 46}" width="${px(Math.max(2, part * inner))}" height="7"/>`,
      );
      return html`<text x="${margin}" y="${y + 11}" class="soft">${label}</text>\n${rects}${ticks}`;
    },
  };
}

/** As on the page: a line between neighbours of one colour. */
const seam = 0.004;
const seamStyle = html` stroke="var(--paper)" stroke-width="0.7"`;

function fill(kind: RegionKind): Markup {
  return html`fill="var(--${kind})"`;
}

function textClass(kind: RegionKind): Markup {
  return trusted(kind === 'gap' || kind === 'slack' ? ' class="free"' : '');
}

function px(value: number): number {
  return Number(value.toFixed(2));
}
