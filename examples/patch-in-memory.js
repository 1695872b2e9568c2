/*
 * Patch a program that comes out of a pipe, a download or an archive, without a temporary file:
 *
 *     curl -sL https://example.org/program | node patch-in-memory.js /opt/app/ld.so '$ORIGIN/lib' > program
 *
 * Only the two streams are specific to Node; the other lines also work in a browser or a worker.
 */
import {buffer} from 'node:stream/consumers';
import {applyPlanToBuffer, checkElf, openElfBuffer, planEdit} from 'elfinterp';

const [interpreter, runpath] = process.argv.slice(2);
if (runpath === undefined) {
  console.error('usage: node patch-in-memory.js INTERPRETER RUNPATH < PROGRAM > PATCHED');
  process.exit(2);
}
const bytes = await buffer(process.stdin);

const plan = planEdit(openElfBuffer(bytes).view, {interpreter, runpath});
for (const {offset, bytes: written, reason} of plan.writes)
  console.error(`0x${offset.toString(16)}: ${written.length} bytes, ${reason}`);

const patched = applyPlanToBuffer(bytes, plan);
const problems = checkElf(openElfBuffer(patched).view);
if (problems.length > 0) throw new Error(problems[0].message);
process.stdout.write(patched);
