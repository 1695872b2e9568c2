/*
 * A plan for people: what changes, where its bytes go, which bytes and why, and the same as a command line.
 */

import {changeTable, factTable, legendList, mapsOf, table} from '../src/cli/show/fragments.js';
import {html, type Markup} from '../src/cli/show/markup.js';
import type {Comparison} from '../src/cli/show/report.js';
import {bytes, count} from '../src/cli/show/words.js';
import type {Placement, Plan, Write} from '../src/edit/plan.js';
import type {EditRequest} from '../src/edit/request/request.js';
import {hex} from '../src/errors.js';

export function planMarkup(plan: Plan, request: EditRequest, name: string): Markup {
  const changes =
    plan.changes.length === 0
      ? html`<p>The file already has these values; nothing changes.</p>`
      : html`<ul class="changes">${plan.changes.map((change) => html`<li>${change}</li>`)}</ul>`;
  return html`${changes}${ladder(plan.placement)}
<p>${sum(plan)}</p>
${plan.notes.map((note) => html`<p class="note">${note}</p>`)}
${plan.writes.length === 0 ? undefined : writeTable(plan.writes)}
<p class="soft">The same on the command line:</p><pre tabindex="0"><code>${commandLine(request, name)}</code></pre>`;
}

const places: readonly (readonly [placement: Placement, name: string, meaning: string])[] = [
  ['none', 'nothing to do', 'the file already has the value'],
  ['in-place', 'in place', 'the value fits in the old place'],
  ['slack', 'existing slack', 'uses padding; the file does not grow'],
  ['new-segment', 'a new segment', 'the file grows at its end'],
];

/** The places in the order in which they are tried, with the chosen one marked. */
function ladder(taken: Placement): Markup {
  return html`<ol class="ladder" start="0" aria-label="Where the new bytes go">${places.map(
    ([placement, name, meaning]) =>
      placement === taken
        ? html`<li class="taken" aria-current="step"><strong>${name}</strong> <span>${meaning}</span></li>`
        : html`<li>${name}</li>`,
  )}</ol>`;
}

function sum({writes, inputSize, outputSize}: Plan): string {
  const written = writes.reduce((total, write) => total + write.bytes.length, 0);
  const growth = outputSize - inputSize;
  const size =
    growth === 0
      ? 'the file keeps its size'
      : `the file ${growth > 0 ? 'grows' : 'shrinks'} by ${bytes(Math.abs(growth))}`;
  const places = writes.length === 1 ? '1 place' : `${count(writes.length)} places`;
  return `${bytes(written)} written in ${places}; ${size}.`;
}

/** More writes than this are summarized. */
const mostWrites = 200;

function writeTable(writes: readonly Write[]): Markup {
  const rows = writes
    .slice(0, mostWrites)
    .map(
      (write) =>
        html`<tr><td class="num">${hex(write.offset)}</td><td class="num">${count(write.bytes.length)}</td><td>${
          write.reason
        }</td><td class="bytes wide">${preview(write.before)}</td><td class="bytes">${preview(write.bytes)}</td></tr>`,
    );
  const more =
    writes.length > mostWrites
      ? html`<p class="soft">${count(writes.length - mostWrites)} more writes are omitted.</p>`
      : undefined;
  return html`${table('Bytes to write', ['#offset', '#bytes', 'why', '.before', 'after'], rows)}${more}`;
}

/** How many bytes of a write are shown. */
const previewed = 16;

/** Bytes as text where they are text, else as hexadecimal digits. */
function preview(content: Uint8Array): string {
  if (content.length === 0) return 'past the end';
  if (content.every((byte) => byte === 0)) return `${count(content.length)} × 00`;
  const head = content.subarray(0, previewed);
  const dots = content.length > previewed ? '…' : '';
  const text = new TextDecoder().decode(head).replace(/\0+$/, '');
  if (/^[\x20-\x7e]{3,}$/.test(text)) return `"${text}${dots}"`;
  return `${[...head].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}${dots}`;
}

function commandLine({interpreter, rpath, runpath, removeRpath}: EditRequest, name: string): string {
  const option = (flag: string, value: string | undefined) =>
    value === undefined ? [] : [flag, quote(value)];
  return [
    'elfinterp edit',
    quote(name.startsWith('-') ? `./${name}` : name),
    ...option('--interpreter', interpreter),
    ...option('--rpath', rpath),
    ...option('--runpath', runpath),
    ...(removeRpath ? ['--remove-rpath'] : []),
  ].join(' ');
}

/** A word for a POSIX shell. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function comparisonMarkup(comparison: Comparison): Markup {
  const {after, pairs} = comparison;
  return html`<h2>Before and after</h2>${legendList(after.map, after.facts.size)}${mapsOf(comparison)}
${factTable(comparison)}<details><summary>Regions that change</summary>${changeTable(pairs)}</details>`;
}
