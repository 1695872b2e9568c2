/*
 * What runs on a fuzzed input: every reader, the checker, the drawings of `show`, and the planner for every edit. Each
 * may return or throw one of our errors. Whatever the planner promises must hold: the plan applies, two readers find in
 * the result what was asked for, the checker finds nothing new, and doing it again changes nothing.
 */

import {parseEntry} from '../../src/binfmt/registry.js';
import {targetOfFile} from '../../src/binfmt/targets.js';
import {parseManifest} from '../../src/bundle/manifest.js';
import {layoutMap} from '../../src/cli/show/layout.js';
import {reportOf} from '../../src/cli/show/report.js';
import {checkPlanFully} from '../../src/edit/check/plan.js';
import {compareMaps} from '../../src/edit/map/compare-maps.js';
import type {Plan} from '../../src/edit/plan.js';
import {planEdit} from '../../src/edit/plan-edit.js';
import {checkElf, checkElfNotes} from '../../src/elf/check.js';
import {findPayload} from '../../src/elf/payload.js';
import {dynamicTables} from '../../src/elf/tables.js';
import {ElfView} from '../../src/elf/view.js';
import {ElfError} from '../../src/errors.js';
import {readLdCache} from '../../src/loader/ld-cache.js';
import {readLoaderFacts} from '../../src/loader/loader-facts.js';
import {describeObject} from '../../src/loader/object.js';
import {readDynamicSymbols} from '../../src/loader/symbols.js';
import {bufferSource} from '../../src/source/buffer.js';
import {applyPlanToBuffer} from '../../src/write/content.js';
import {readEverything} from '../helpers/everything.js';
import {type Edit, edits} from './edits.js';
import {type Found, readOwn} from './own-reader.js';
import {tryPacking} from './packing.js';

/** The results of the edits of one input. */
export interface Outcome {
  readonly planned: number;
  readonly refused: number;
  /** Messages about plans that the checker rejected: the file is safe, but the planner should have known. */
  readonly stopped: readonly string[];
}

/** @throws any error that is not one of ours, and Error for a plan that was wrong */
export function examine(bytes: Uint8Array, chosen: readonly Edit[] = edits): Outcome {
  readTexts(bytes);
  const view = attempt(() => new ElfView(bufferSource(bytes, 'input')));
  if (!(view instanceof ElfView)) return {planned: 0, refused: 0, stopped: []};
  readFile(view);
  const file: Subject = {
    bytes,
    view,
    known: knownProblems(view),
    before: undefined,
  };
  const results = chosen.map((edit) => tryEdit(file, edit));
  return {
    planned: results.filter((result) => result === undefined).length,
    refused: results.filter((result) => result !== undefined && result.code !== 'CHECK_FAILED').length,
    stopped: results.flatMap((result) => (result?.code === 'CHECK_FAILED' ? [result.message] : [])),
  };
}

/** Run the readers for files other than ELF; any bytes will do. */
function readTexts(bytes: Uint8Array): void {
  for (const littleEndian of [true, false]) readLdCache(bytes, {elfClass: 64, littleEndian});
  const machine = {e_machine: 62, e_flags: 0, elfClass: 64, littleEndian: true} as const;
  attempt(() => readLoaderFacts(bufferSource(bytes), machine));
  targetOfFile(bytes.subarray(0, 256));
  if (bytes[0] === 0x7f) return;
  const text = new TextDecoder().decode(bytes);
  attempt(() => parseManifest(text, 'manifest.json'));
  attempt(() => parseEntry('entry', text));
}

function readFile(view: ElfView): void {
  readEverything(view.source);
  for (const read of [dynamicTables, findPayload, readDynamicSymbols]) attempt(() => read(view));
  describeObject(view.source, true);
  const {map, segments} = reportOf(view, 'input');
  layoutMap(map, segments, view.source.size);
  tryPacking(view);
}

interface Subject {
  readonly bytes: Uint8Array;
  readonly view: ElfView;
  /** Codes of the problems that it has. */
  readonly known: ReadonlySet<string>;
  before: Found | undefined;
}

/** Every plan passes a check of what it can have changed; the full check must find nothing more. */
function requireSound(view: ElfView, edit: Edit, plan: Plan): void {
  if (plan.payload !== undefined || plan.writes.length === 0) return;
  const refusal = attempt(() => checkPlanFully(view, plan, [edit.request]));
  if (refusal instanceof ElfError) throw wrong(edit, `the full check refuses: ${refusal.message}`);
}

/** Longer results are only planned: a sparse gigabyte is too much for a test. */
const longestResult = 1 << 24;

/**
 * A first interpreter or needed library makes the file one that a loader maps, where a note counts as a problem. A name
 * beyond the string table is whatever follows the table, so its place in a hash table may be wrong afterwards.
 */
function knownProblems(view: ElfView): ReadonlySet<string> {
  const known = [...checkElf(view), ...checkElfNotes(view)].map(({code}) => code);
  return new Set(known.includes('STRING_OUTSIDE') ? [...known, 'NOT_FOUND', 'WRONG_CHAIN'] : known);
}

/** Try an edit; returns undefined if it was done, otherwise the reason why not. */
function tryEdit(file: Subject, edit: Edit): ElfError | undefined {
  const plan = attempt(() => planEdit(file.view, edit.request));
  if (plan instanceof ElfError) return plan;
  if (plan.outputSize > longestResult) return undefined;
  requireSound(file.view, edit, plan);
  const edited = applyPlanToBuffer(file.bytes, plan);
  file.before ??= readOwn(file.bytes);
  if (!edit.isDone(readOwn(edited), file.before)) throw wrong(edit, 'the result does not read as asked');
  if (plan.writes.length === 0) return undefined;
  const after = new ElfView(bufferSource(edited, 'edited'));
  const fresh = checkElf(after).find(({code}) => !file.known.has(code));
  if (fresh !== undefined) throw wrong(edit, `the result has a new problem: ${fresh.message}`);
  const again = attempt(() => planEdit(after, edit.request));
  if (again instanceof ElfError) throw wrong(edit, `the same edit again is refused: ${again.message}`);
  if (again.writes.length > 0) throw wrong(edit, 'the same edit again writes again');
  if (edit === edits[1]) attempt(() => compareMaps(file.view, after));
  return undefined;
}

function wrong({request}: Edit, what: string): Error {
  return new Error(`${what}: ${JSON.stringify(request).slice(0, 80)}`);
}

/** The result, or the error of ours if there is none. */
function attempt<T>(work: () => T): T | ElfError {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return error;
  }
}
