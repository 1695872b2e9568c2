/*
 * Random edits of every linker's output for every machine. After each the program runs with the same output (it
 * checks its own BSS, thread-local and relocated data), the independent readers find what was asked for, eu-elflint
 * has no new complaint, nothing that code addresses has changed, and a stripped copy runs too.
 *
 * ELFINTERP_RUNS says how many programs are edited, ELFINTERP_SEED which random numbers are used.
 */
import {copyFileSync, mkdirSync, rmSync, symlinkSync} from 'node:fs';
import path from 'node:path';
import test, {} from 'ava';
import {applyPlanSync, openElfSync, planEdit} from '../../src/index.js';
import {toolchainNames} from '../helpers/fixtures.js';
import {binutil, buildMatrix, loaderOf, probeOutput, runMatrixProgram} from '../helpers/matrix.js';
import {damagedSections} from '../helpers/memory.js';
import {seededRandom} from '../helpers/random.js';
import {euReadelfStrings, newComplaints, readelfInterpreter} from '../helpers/readelf.js';
import {tempDirectory} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';

const runs = Number(process.env.ELFINTERP_RUNS ?? 500);
const seed = Number(process.env.ELFINTERP_SEED ?? 1);
/** Each machine gets its share, so that no test runs for too long. */
const share = Math.ceil(runs / toolchainNames.length);
let programs;
for (const [index, toolchain] of toolchainNames.entries()) {
  test.serial(
    `${share} random edits of ${toolchain} programs, of every linker and layout, leave programs that run`,
    withTools((t) => {
      programs ??= buildMatrix();
      const random = seededRandom(seed * 100 + index);
      const order = shuffled(
        programs.filter((program) => program.toolchain === toolchain),
        random,
      );
      const directory = tempDirectory(t);
      const tally = new Tally();
      for (let i = 0; i < share; i++) {
        const program = order[i % order.length];
        if (program === undefined) return t.fail('the matrix has no such program');
        const requests = randomRequests(program, random, directory);
        const problem = tryEdits(program, requests, random, path.join(directory, 'program'), tally);
        t.is(problem, undefined, `run ${i}, seed ${seed}: ${program.name} ${JSON.stringify(requests)}`);
        if (problem !== undefined) return;
      }
      tally.print(t);
    }),
  );
}
function shuffled(values, random) {
  const left = [...values];
  return values.flatMap(() => left.splice(random(left.length), 1));
}
const kinds = [
  (program, random, directory) => ({interpreter: loaderLink(program, directory, random(300))}),
  (_, random) => ({rpath: randomPath(random)}),
  (_, random) => ({runpath: randomPath(random)}),
  () => ({removeRpath: true}),
  (_, random) => ({addRpath: randomPath(random)}),
  (_, random) => ({convertRpath: random(2) === 0 ? 'rpath' : 'runpath'}),
  ({toolchain}) => (toolchain === 'musl' ? {} : {addNeeded: ['libm.so.6']}),
  () => ({removeNeeded: ['libm.so.6']}),
  () => ({osAbi: 'Linux'}),
  () => ({execStack: false}),
];
function randomRequests(program, random, directory) {
  return Array.from({length: 1 + random(6)}, () =>
    (kinds[random(kinds.length)] ?? (() => ({})))(program, random, directory),
  );
}
function randomPath(random) {
  return `/nowhere/${'p'.repeat(random(random(4) === 0 ? 3000 : 200))}`;
}
/** A path of some length that leads to the program's real loader. */
function loaderLink(program, directory, length) {
  const inner = path.join(directory, program.toolchain, 'l'.repeat(1 + (length % 200)));
  mkdirSync(inner, {recursive: true});
  const link = path.join(inner, `ld${'x'.repeat(length % 50)}.so`);
  rmSync(link, {force: true});
  symlinkSync(loaderOf(program), link);
  return link;
}
/** Edit a copy, at once or step by step; the first thing that is wrong with the result. */
function tryEdits(program, requests, random, file, tally) {
  copyFileSync(program.path, file);
  const plans =
    random(2) === 0 ? [applyTo(file, requests)] : requests.map((request) => applyTo(file, [request]));
  tally.add(program, plans);
  return (
    findMisreading(file, program, requests) ??
    findFailure(program, file, 'the edited program') ??
    newComplaints(program.path, file)[0] ??
    damagedSections(program.path, file)[0] ??
    tryStripped(program, file, plans)
  );
}
function applyTo(file, requests) {
  const elf = openElfSync(file);
  try {
    const plan = planEdit(elf.view, requests);
    applyPlanSync(file, plan);
    return plan;
  } finally {
    elf.close();
  }
}
function findMisreading(file, program, requests) {
  const wanted = requests.findLast((request) => request.interpreter !== undefined)?.interpreter;
  const found = readelfInterpreter(file);
  const expected = wanted ?? readelfInterpreter(program.path);
  if (found !== expected) return `interpreter ${found}, not ${expected}`;
  const isOfPaths = ({rpath, runpath, removeRpath, addRpath, convertRpath}) =>
    [rpath, runpath, removeRpath, addRpath, convertRpath].some((value) => value !== undefined);
  const last = requests.findLast(isOfPaths);
  for (const [tag, value] of [
    ['RPATH', last?.rpath],
    ['RUNPATH', last?.runpath],
  ]) {
    const other = tag === 'RPATH' ? 'RUNPATH' : 'RPATH';
    if (value === undefined) continue;
    if (euReadelfStrings(file, tag).join() !== value) return `${tag} is not ${value}`;
    if (euReadelfStrings(file, other).length > 0) return `${other} is there too`;
  }
  return undefined;
}
function findFailure(program, file, what) {
  const {status, signal, stdout, stderr} = runMatrixProgram(program, file);
  return status === 0 && stdout === probeOutput
    ? undefined
    : `${what}: ${signal ?? status} ${stdout}${stderr}`;
}
/**
 * Not every stripped program ran before. And both GNU strip and eu-strip put the program headers behind the ELF
 * header again, over what is there, when they have moved from it.
 */
function tryStripped(program, file, plans) {
  if (plans.some(hasMovedTable)) return undefined;
  const strip = binutil(program, 'strip');
  const stripped = `${file}.stripped`;
  const {status, stderr} = run(strip, [file, '-o', stripped]);
  const problem = status === 0 ? findFailure(program, stripped, 'the stripped copy') : `${strip}: ${stderr}`;
  if (problem === undefined) return undefined;
  run(strip, [program.path, '-o', stripped]);
  return findFailure(program, stripped, 'a stripped original') === undefined ? problem : undefined;
}
function hasMovedTable({notes}) {
  return notes.some((note) => note.startsWith('the program header table moved'));
}
/** Counts to print: programs and rungs for each linker and machine. */
class Tally {
  #rows = new Map();
  add({toolchain, linker}, plans) {
    const name = `${toolchain} ${linker}`;
    const row = this.#rows.get(name) ?? {runs: 0, rungs: [0, 0, 0, 0], moved: 0};
    row.runs += 1;
    const highest = Math.max(...plans.map(({rung}) => rung));
    row.rungs[highest] = (row.rungs[highest] ?? 0) + 1;
    if (plans.some(hasMovedTable)) row.moved += 1;
    this.#rows.set(name, row);
  }
  print(t) {
    t.log('machine and linker      runs  rung 0   1   2   3  table moved');
    for (const [name, {runs: count, rungs, moved}] of [...this.#rows].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const cells = rungs.map((n) => String(n).padStart(4)).join('');
      t.log(`${name.padEnd(22)} ${String(count).padStart(5)}     ${cells} ${String(moved).padStart(5)}`);
    }
  }
}
//# sourceMappingURL=matrix.test.js.map
