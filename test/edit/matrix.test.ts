/*
 * Every edit of every linker's output for every machine, alone and in random combinations. matrix-trial.ts defines what
 * each result must satisfy. Prints tables of what was tried.
 *
 * ELFINTERP_RUNS is the number of random combinations to try, ELFINTERP_SEED the seed of the random numbers; with
 * ELFINTERP_EVERY=1 each edit is tried alone on every layout, otherwise on one for each linker; with
 * ELFINTERP_STRIPPERS=all every stripper strips each result, otherwise they take turns.
 */
import path from 'node:path';
import test from 'ava';
import {type Plan, placements} from '../../src/edit/plan.js';
import {toolchainNames} from '../helpers/fixtures.js';
import {buildMatrix, type MatrixProgram} from '../helpers/matrix.js';
import {editAlone, editNames, type Random, randomEdits} from '../helpers/matrix-edits.js';
import {hasMovedTable, type Trial, tryEdits} from '../helpers/matrix-trial.js';
import {seededRandom} from '../helpers/random.js';
import {tempDirectory} from '../helpers/temp.js';
import {withTools} from '../helpers/tools.js';

const runs = Number(process.env.ELFINTERP_RUNS ?? 500);
const seed = Number(process.env.ELFINTERP_SEED ?? 1);
const isEvery = process.env.ELFINTERP_EVERY === '1';

/** Each machine gets its share, so that no test runs for too long. */
const share = Math.ceil(runs / toolchainNames.length);

let matrix: readonly MatrixProgram[] | undefined;

function programsOf(toolchain: string): readonly MatrixProgram[] {
  matrix ??= buildMatrix();
  return matrix.filter((program) => program.toolchain === toolchain);
}

for (const [index, toolchain] of toolchainNames.entries()) {
  test.serial(
    `${toolchain}: each edit alone, of every linker's programs and libraries, leaves what runs`,
    withTools((t) => {
      const random = seededRandom(seed * 100 + index);
      const directory = tempDirectory(t);
      const rows = new Map<string, string[]>();
      const unfit = new Set<string>();
      for (const group of linkersOf(programsOf(toolchain))) {
        const cells = editNames.map((name) => {
          const trials = chosenFrom(group, random).map((program) => {
            const requests = editAlone(name, {program, random, directory});
            if (requests === undefined) return undefined;
            const trial = tryEdits(program, requests, path.join(directory, 'edited'), {atOnce: false});
            t.is(trial.problem, undefined, `${program.name}, seed ${seed}: ${JSON.stringify(requests)}`);
            for (const name of trial.unfit) unfit.add(`${name} breaks ${program.name} unedited`);
            return trial;
          });
          return cellOf(trials);
        });
        rows.set(group[0]?.row ?? '', cells);
      }
      for (const line of [...tableOf(rows), ...unfit]) t.log(line);
    }),
  );

  test.serial(
    `${toolchain}: ${share} random combinations of 1 to 6 edits, of every linker and layout, leave what runs`,
    withTools((t) => {
      const random = seededRandom(seed * 100 + 50 + index);
      const directory = tempDirectory(t);
      const order = shuffled(programsOf(toolchain), random);
      const tally = new Tally();
      for (let i = 0; i < share; i++) {
        const program = order[i % order.length];
        if (program === undefined) return t.fail('the matrix has no such program');
        const requests = randomEdits({program, random, directory});
        const trial = tryEdits(program, requests, path.join(directory, 'edited'), {atOnce: random(2) === 0});
        t.is(trial.problem, undefined, `run ${i}, seed ${seed}: ${program.name} ${JSON.stringify(requests)}`);
        if (trial.problem !== undefined) return;
        tally.add(program, trial);
      }
      for (const line of tally.lines()) t.log(line);
    }),
  );
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const left = [...values];
  return values.flatMap(() => left.splice(random(left.length), 1));
}

interface RowProgram extends MatrixProgram {
  /** The row of the table in which it counts. */
  readonly row: string;
}

/** One group per linker and kind of file. */
function linkersOf(programs: readonly MatrixProgram[]): RowProgram[][] {
  const groups = new Map<string, RowProgram[]>();
  for (const program of programs) {
    const row = `${program.toolchain} ${program.linker}${program.user === undefined ? '' : ' library'}`;
    groups.set(row, [...(groups.get(row) ?? []), {...program, row}]);
  }
  return [...groups.values()];
}

function chosenFrom(group: readonly RowProgram[], random: Random): readonly RowProgram[] {
  if (isEvery) return group;
  const program = group[random(group.length)];
  return program === undefined ? [] : [program];
}

/** The last placement that an edit needed, by its number; `-` where there is no such edit. */
function cellOf(trials: readonly (Trial | undefined)[]): string {
  const numbers = trials.flatMap((trial) => trial?.plans.map(numberOf) ?? []);
  return numbers.length === 0 ? '-' : String(Math.max(...numbers));
}

/** Placements in the order in which they are tried. */
const numberOf = ({placement}: Plan) => placements.indexOf(placement);

function tableOf(rows: ReadonlyMap<string, readonly string[]>): string[] {
  const heads = editNames.map((name, i) => `${String(i + 1).padStart(2)} ${name}`);
  const columns = editNames.map((_, i) => String(i + 1).padStart(3)).join('');
  return [
    `edits: ${heads.join(', ')}`,
    `${'placement of each (0-3)'.padEnd(26)}${columns}`,
    ...[...rows].map(
      ([name, cells]) => `${name.padEnd(26)}${cells.map((cell) => cell.padStart(3)).join('')}`,
    ),
  ];
}

/** Counts to print: combinations and their last placements for each linker and machine. */
class Tally {
  readonly #rows = new Map<string, {runs: number; counts: number[]; moved: number}>();

  add({toolchain, linker}: MatrixProgram, {plans}: Trial): void {
    const name = `${toolchain} ${linker}`;
    const row = this.#rows.get(name) ?? {runs: 0, counts: [0, 0, 0, 0], moved: 0};
    row.runs += 1;
    const last = Math.max(...plans.map(numberOf));
    row.counts[last] = (row.counts[last] ?? 0) + 1;
    if (plans.some(hasMovedTable)) row.moved += 1;
    this.#rows.set(name, row);
  }

  lines(): string[] {
    const rows = [...this.#rows].sort(([a], [b]) => (a < b ? -1 : 1));
    return [
      'machine and linker      runs  none  in place  slack  new segment  table moved',
      ...rows.map(([name, {runs: count, counts, moved}]) => {
        const cells = [...counts, moved]
          .map((n, i) => String(n).padStart([6, 10, 7, 13, 13][i] ?? 0))
          .join('');
        return `${name.padEnd(22)} ${String(count).padStart(5)}${cells}`;
      }),
    ];
  }
}
