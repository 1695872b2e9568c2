/*
 * `show --format html`: one file that a browser opens, without scripts, and without anything from a network.
 */

import {
  changeTable,
  dynamicTable,
  factList,
  factTable,
  legendList,
  mapOf,
  mapsOf,
  regionTable,
  segmentTable,
} from './fragments.js';
import {html, type Markup, trusted} from './markup.js';
import type {Comparison, FileReport} from './report.js';
import {pageStyle} from './style.js';
import {factsInWords, headline} from './words.js';

export function reportToPage(report: FileReport): string {
  const {path, facts, map, segments, dynamic} = report;
  return page(
    path,
    html`<h1>${path}</h1><p class="soft">${headline(facts)}</p>
${factList(factsInWords(facts))}
<h2>Map</h2>${legendList(map, facts.size)}${mapOf(report)}
<h2>Regions</h2>${regionTable(map, facts.size)}
<h2>Segments</h2>${segmentTable(segments)}
<h2>Dynamic entries</h2>${dynamicTable(dynamic)}`,
  );
}

export function comparisonToPage(comparison: Comparison): string {
  const {before, after, pairs} = comparison;
  return page(
    `${before.path} and ${after.path}`,
    html`<h1>${before.path} <span class="soft">and</span> ${after.path}</h1><p class="soft">${headline(after.facts)}</p>
<h2>Facts that differ</h2>${factTable(comparison)}
<h2>Map</h2>${legendList(after.map, after.facts.size)}${mapsOf(comparison)}
<h2>Regions that changed</h2>${changeTable(pairs)}
<details><summary>${before.path}: all facts</summary>${factList(factsInWords(before.facts))}</details>
<details><summary>${after.path}: all facts</summary>${factList(factsInWords(after.facts))}</details>`,
  );
}

function page(title: string, body: Markup): string {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>${trusted(pageStyle)}</style></head>
<body><main>${body}</main></body></html>`.markup;
}
