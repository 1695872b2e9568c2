/*
 * The engine in a worker: the library's own source, view, plan and check stages, on bytes in memory. A file of
 * 100 MB is read once; a plan looks at it through an overlay and copies nothing.
 */

import {
  dynamicTable,
  factList,
  legendList,
  mapOf,
  regionTable,
  segmentTable,
} from '../src/cli/show/fragments.js';
import {html} from '../src/cli/show/markup.js';
import {type Comparison, type FileReport, reportOf} from '../src/cli/show/report.js';
import {factsInWords, headline} from '../src/cli/show/words.js';
import {compareMaps} from '../src/edit/map/compare-maps.js';
import type {Plan} from '../src/edit/plan.js';
import {planEdit} from '../src/edit/plan-edit.js';
import type {EditRequest} from '../src/edit/request/request.js';
import {checkElf} from '../src/elf/check.js';
import {ElfView} from '../src/elf/view.js';
import {ElfError} from '../src/errors.js';
import {bufferSource} from '../src/source/buffer.js';
import {overlaySource} from '../src/source/overlay.js';
import {disguiseOf} from './disguise.js';
import {comparisonMarkup, planMarkup} from './plan-markup.js';
import type {Answer, Field, Opened, Planned, Question} from './protocol.js';

interface OpenFile {
  readonly view: ElfView;
  readonly report: FileReport;
}

let current: OpenFile | undefined;

addEventListener('message', async ({data}: MessageEvent<Question>) => {
  const answer = await answerTo(data);
  postMessage(answer);
});

async function answerTo(question: Question): Promise<Answer> {
  const {id} = question;
  try {
    if (question.ask === 'open') return {id, answer: 'opened', ...(await open(question.file))};
    if (current === undefined) throw new Error('no file is open');
    return {id, answer: 'planned', ...plan(current, question.request)};
  } catch (error) {
    return {id, answer: 'failed', ...explain(error)};
  }
}

async function open(file: File): Promise<Opened> {
  current = undefined;
  const bytes = new Uint8Array(await file.arrayBuffer());
  const disguise = disguiseOf(bytes);
  if (disguise !== undefined)
    throw new ElfError('NOT_ELF', `not an ELF file, but ${disguise}`, {path: file.name});
  const view = new ElfView(bufferSource(bytes, file.name));
  const report = reportOf(view, file.name);
  current = {view, report};
  return describe(view, report);
}

function describe(view: ElfView, report: FileReport): Opened {
  const {facts, map, segments, dynamic} = report;
  const problems = checkElf(view).map(({message}) => ({text: message, good: false}));
  const rows = [
    ...factsInWords(facts),
    ...(problems.length > 0 ? [{label: 'problems', values: problems.slice(0, 20)}] : []),
  ];
  return {
    headline: headline(facts),
    facts: factList(rows).markup,
    map: html`${legendList(map, facts.size)}${mapOf(report)}`.markup,
    tables: html`<details><summary>Regions</summary>${regionTable(map, facts.size)}</details>
<details><summary>Segments</summary>${segmentTable(segments)}</details>
<details><summary>Dynamic entries</summary>${dynamicTable(dynamic)}</details>`.markup,
    interpreter: interpreterField(report),
    searchPath: searchPathField(view, report),
  };
}

function interpreterField({facts: {interpreter, kindName, kind}}: FileReport): Field {
  const value = interpreter ?? '';
  if (value !== '') return {value, whyNot: undefined};
  const whyNot =
    kind === 'static-program' || kind === 'static-pie-program'
      ? `A ${kindName} has no interpreter to change.`
      : `This ${kindName} has no interpreter.`;
  return {value, whyNot};
}

function searchPathField(
  view: ElfView,
  {facts: {rpath, runpath, kindName}}: FileReport,
): Opened['searchPath'] {
  const tag = runpath !== undefined ? 'runpath' : rpath !== undefined ? 'rpath' : undefined;
  return {value: runpath ?? rpath ?? '', tag, whyNot: whyNoPath(view, kindName)};
}

function whyNoPath(view: ElfView, kindName: string): string | undefined {
  try {
    return view.dynamic === undefined ? `This ${kindName} has no library search path.` : undefined;
  } catch {
    return 'The dynamic section, which holds the search path, cannot be read.';
  }
}

function plan({view, report: before}: OpenFile, request: EditRequest): Planned {
  const made = planEdit(view, request);
  const after = new ElfView(overlaySource(view.source, made.writes, made.outputSize));
  const comparison: Comparison = {
    before,
    after: reportOf(after, before.path),
    pairs: compareMaps(view, after),
    changed: made.writes.map(({offset, bytes}) => ({offset, size: bytes.length})),
  };
  return {
    plan: planMarkup(made, request, before.path).markup,
    comparison: made.writes.length === 0 ? '' : comparisonMarkup(comparison).markup,
    writes: plainWrites(made),
    outputSize: made.outputSize,
  };
}

/** Copies of the new bytes: they may be views of a larger buffer, which a message would carry along whole. */
function plainWrites({writes}: Plan): Planned['writes'] {
  return writes.map(({offset, bytes}) => ({offset, bytes: bytes.slice()}));
}

function explain(error: unknown): {code: string; message: string} {
  if (error instanceof ElfError) return {code: error.code, message: error.message};
  const name = error instanceof Error ? error.name : '';
  if (name === 'NotReadableError' || name === 'RangeError')
    return {code: 'FILE_SYSTEM', message: `The browser cannot read this file (${String(error)}).`};
  return {code: 'INTERNAL', message: `Internal error, please report it: ${String(error)}`};
}
