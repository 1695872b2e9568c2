/* Run inputs through the target, one after another, and report the result of each. Input n is the same in every run. */
import {existsSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {peakMemory} from '../helpers/peak-memory.js';
import {type Edit, edits} from './edits.js';
import {mutate} from './mutate.js';
import {Random} from './random.js';
import {examineRoot} from './root.js';
import {pickSeed} from './seeds.js';
import {examine} from './target.js';

export interface Finding {
  readonly input: number;
  /** What it was made of. */
  readonly seed: string;
  readonly message: string;
}

export interface Summary {
  inputs: number;
  planned: number;
  refused: number;
  /** Of the refused plans, those that only the check of the finished plan refused: each is a finding. */
  stopped: number;
  /** Roots that were made and resolved. */
  roots: number;
  findings: Finding[];
  /** Milliseconds of processor time that the slowest input took, and which it was. */
  slowest: number;
  slowestInput: number;
  /** Bytes of memory at the highest point, of the whole process. */
  memory: number;
}

/** The limits for an input: milliseconds of processor time, and bytes of the whole process. */
export const mostTime = 1000;
export const mostMemory = 256 * 2 ** 20;

export function emptySummary(): Summary {
  return {
    inputs: 0,
    planned: 0,
    refused: 0,
    stopped: 0,
    roots: 0,
    findings: [],
    slowest: 0,
    slowestInput: -1,
    memory: 0,
  };
}

/** The totals as one line. */
export function describeSummary(sums: Summary): string {
  const count = (value: number) => Math.round(value).toLocaleString('en');
  return [
    `${count(sums.inputs)} inputs`,
    `${count(sums.planned)} plans applied and verified`,
    `${count(sums.refused)} refused`,
    `${count(sums.roots)} roots`,
    `the slowest input ${count(sums.slowest)} ms (${sums.slowestInput})`,
    `at most ${count(sums.memory / 2 ** 20)} MiB`,
    `${count(sums.findings.length)} findings`,
  ].join(', ');
}

/** Run the target on one input, and add the result to the totals. */
export function runInput(input: number, sums: Summary): void {
  const {seed, bytes, edits: chosen} = inputNumber(input);
  const find = (message: string) => sums.findings.push({input, seed, message});
  const start = performance.now();
  try {
    const {planned, refused, stopped} = examine(bytes, chosen);
    sums.planned += planned;
    sums.refused += refused;
    sums.stopped += stopped.length;
    for (const message of new Set(stopped)) find(message);
    if (input % rootEvery === 0) {
      sums.roots += 1;
      examineRoot(new Random(input), scratch);
    }
  } catch (error) {
    find(String((error as Error).stack));
  }
  let time = performance.now() - start;
  // On a busy machine, other processes may have used the time.
  if (time > Math.max(100, sums.slowest)) time = Math.min(time, processorTime(bytes, chosen));
  if (time > mostTime) find(`took ${Math.round(time)} ms`);
  if (time > sums.slowest) [sums.slowest, sums.slowestInput] = [time, input];
  sums.inputs += 1;
  if (sums.inputs % 32 > 0) return;
  const memory = peakMemory();
  if (memory > mostMemory && sums.memory <= mostMemory)
    find(`took the process to ${memory} bytes, or one of the 31 inputs before it did`);
  sums.memory = Math.max(sums.memory, memory);
}

/** Milliseconds of processor time that an input takes, measured by running it again. */
function processorTime(bytes: Uint8Array, chosen: readonly Edit[]): number {
  const start = process.cpuUsage();
  try {
    examine(bytes, chosen);
  } catch {
    // It was reported the first time.
  }
  const {user, system} = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** One input in this many also makes and resolves a root, which costs dozens of system calls. */
const rootEvery = 16;

/** Roots are short-lived: keep them in memory if possible. */
const scratch = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export interface Input {
  /** What it was made of. */
  readonly seed: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The edits to plan for it. */
  readonly edits: readonly Edit[];
}

/** Planning costs more than all the reading; over a run, each edit is planned for one input in seven. */
const editsOfAnInput = Number(process.env.ELFINTERP_FUZZ_EDITS ?? 3);

/** Make one input. */
export function inputNumber(input: number): Input {
  const random = new Random(input);
  const seed = pickSeed(random);
  const bytes = mutate(seed, random);
  const first = random.below(edits.length);
  const drawn = [...edits.slice(first), ...edits.slice(0, first)].slice(0, editsOfAnInput);
  return {seed: seed.name, bytes, edits: drawn};
}
