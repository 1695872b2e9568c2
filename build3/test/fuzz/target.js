/*
 * What a fuzzed input is put through: every reader, the checker, and the planner for every edit. Each may answer or
 * throw one of our errors. Whatever the planner promises must come true: the plan applies, the result reads as asked,
 * and doing it again changes nothing.
 */
import {planEdit} from '../../src/edit/plan-edit.js';
import {checkElf} from '../../src/elf/check.js';
import {dynamicTables} from '../../src/elf/tables.js';
import {readDefinedVersions, readNeededVersions} from '../../src/elf/versions.js';
import {ElfView, viewBuffer} from '../../src/elf/view.js';
import {ElfError} from '../../src/errors.js';
import {bufferSource} from '../../src/source/buffer.js';
import {applyPlanToBuffer} from '../../src/write/apply.js';
import {readEverything} from '../helpers/everything.js';
/** @throws whatever is neither a value nor one of our errors, and Error for a plan that was wrong */
export function examine(bytes) {
  readEverything(bufferSource(bytes));
  const view = attempt(() => new ElfView(bufferSource(bytes)));
  if (!(view instanceof ElfView)) return {planned: 0, refused: 0, stopped: 0};
  checkElf(view);
  for (const read of [dynamicTables, readNeededVersions, readDefinedVersions]) attempt(() => read(view));
  const results = requests.map((request) => tryEdit(bytes, request));
  const count = (result) => results.filter((other) => other === result).length;
  return {planned: count('planned'), refused: count('refused'), stopped: count('stopped')};
}
/** One request a kind of edit, and some together. */
export const requests = [
  {interpreter: '/x'},
  {interpreter: `/${'i'.repeat(150)}/ld.so`},
  {rpath: '/opt/lib'},
  {runpath: `/${'r'.repeat(300)}`},
  {removeRpath: true},
  {interpreter: '/lib/elsewhere/ld.so', rpath: '/lib/elsewhere'},
  {addNeeded: ['libmore.so'], soname: 'libnew.so.9'},
  {replaceNeeded: {'libc.so.6': 'libc-of-another-name.so.6'}},
  {removeNeeded: ['libc.so.6']},
];
/** Longer results are only planned: a sparse gigabyte is no work for a test. */
const longestResult = 1 << 26;
function tryEdit(bytes, request) {
  const plan = attempt(() => planEdit(viewBuffer(bytes), request));
  if (plan === 'refused' || plan === 'stopped') return plan;
  if (plan.outputSize > longestResult) return 'planned';
  const edited = applyPlanToBuffer(bytes, plan);
  const again = attempt(() => planEdit(viewBuffer(edited), request));
  if (typeof again !== 'string' && again.writes.length > 0) {
    throw new Error(`the same edit twice writes twice: ${JSON.stringify(request)}`);
  }
  const {dynamic} = viewBuffer(edited);
  const interpreter = request.interpreter === undefined ? undefined : viewBuffer(edited).interpreter;
  const wrong =
    (request.interpreter !== undefined && interpreter?.path !== request.interpreter) ||
    (request.rpath !== undefined && dynamic?.rpath !== request.rpath) ||
    (request.runpath !== undefined && dynamic?.runpath !== request.runpath) ||
    (request.removeRpath === true && (dynamic?.rpath ?? dynamic?.runpath) !== undefined);
  if (wrong) throw new Error(`the result does not read as asked: ${JSON.stringify(request)}`);
  return 'planned';
}
/** A value, or what kind of error said why there is none. */
function attempt(work) {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return error.code === 'CHECK_FAILED' ? 'stopped' : 'refused';
  }
}
//# sourceMappingURL=target.js.map
