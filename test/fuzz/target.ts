/*
 * What a fuzzed input is put through: every reader, the checker, and the planner for every edit. Each may answer or
 * throw one of our errors. Whatever the planner promises must come true: the plan applies, the result reads as asked,
 * and doing it again changes nothing.
 */
import {planEdit} from '../../src/edit/plan-edit.js';
import type {EditRequest} from '../../src/edit/request.js';
import {checkElf} from '../../src/elf/check.js';
import {dynamicTables} from '../../src/elf/tables.js';
import {readDefinedVersions, readNeededVersions} from '../../src/elf/versions.js';
import {ElfView, viewBuffer} from '../../src/elf/view.js';
import {ElfError} from '../../src/errors.js';
import {bufferSource} from '../../src/source/buffer.js';
import {applyPlanToBuffer} from '../../src/write/apply.js';
import {readEverything} from '../helpers/everything.js';

/** What became of the edits of one input. */
export interface Outcome {
  readonly planned: number;
  readonly refused: number;
}

/** @throws whatever is neither a value nor one of our errors, and Error for a plan that was wrong */
export function examine(bytes: Uint8Array): Outcome {
  readEverything(bufferSource(bytes));
  const view = attempt(() => new ElfView(bufferSource(bytes)));
  if (view === undefined) return {planned: 0, refused: 0};
  checkElf(view);
  for (const read of [dynamicTables, readNeededVersions, readDefinedVersions]) attempt(() => read(view));
  const results = requests.map((request) => tryEdit(bytes, request));
  const planned = results.filter(Boolean).length;
  return {planned, refused: results.length - planned};
}

/** One request a kind of edit, and some together. */
export const requests: readonly EditRequest[] = [
  {interpreter: '/x'},
  {interpreter: `/${'i'.repeat(150)}/ld.so`},
  {rpath: '/opt/lib'},
  {runpath: `/${'r'.repeat(300)}`},
  {removeRpath: true},
  {interpreter: '/lib/elsewhere/ld.so', rpath: '/lib/elsewhere'},
];

function tryEdit(bytes: Uint8Array, request: EditRequest): boolean {
  const plan = attempt(() => planEdit(viewBuffer(bytes), request));
  if (plan === undefined) return false;
  const edited = applyPlanToBuffer(bytes, plan);
  const again = planEdit(viewBuffer(edited), request);
  if (again.writes.length > 0)
    throw new Error(`the same edit twice writes twice: ${JSON.stringify(request)}`);
  const {interpreter, dynamic} = viewBuffer(edited);
  const wrong =
    (request.interpreter !== undefined && interpreter?.path !== request.interpreter) ||
    (request.rpath !== undefined && dynamic?.rpath !== request.rpath) ||
    (request.runpath !== undefined && dynamic?.runpath !== request.runpath) ||
    (request.removeRpath === true && (dynamic?.rpath ?? dynamic?.runpath) !== undefined);
  if (wrong) throw new Error(`the result does not read as asked: ${JSON.stringify(request)}`);
  return true;
}

/** A value, or nothing where one of our errors said why not. A failed check of a plan is our bug, not the file's. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof ElfError && error.code !== 'CHECK_FAILED') return undefined;
    throw error;
  }
}
