/* Run inputs through the target, one after another, and say what came of each. Input n is the same in every run. */
import {type Edit, edits} from './edits.js';
import {mutate} from './mutate.js';
import {Random} from './random.js';
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
  stopped: number;
  findings: Finding[];
  /** Milliseconds of processor time that the slowest input took, and which it was. */
  slowest: number;
  slowestInput: number;
  /** Bytes of memory at the highest point, of the whole process. */
  memory: number;
}

/** What an input may take: milliseconds of processor time, and bytes of the whole process. */
export const mostTime = 1000;
export const mostMemory = 256 * 2 ** 20;

export function emptySummary(): Summary {
  return {
    inputs: 0,
    planned: 0,
    refused: 0,
    stopped: 0,
    findings: [],
    slowest: 0,
    slowestInput: -1,
    memory: 0,
  };
}

/** Put one input through the target, and add what came of it to the sums. */
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
  } catch (error) {
    find(String((error as Error).stack));
  }
  let time = performance.now() - start;
  // On a busy machine another process may have had the time.
  if (time > Math.max(mostTime / 4, sums.slowest)) time = Math.min(time, processorTime(bytes, chosen));
  if (time > mostTime) find(`took ${Math.round(time)} ms`);
  if (time > sums.slowest) [sums.slowest, sums.slowestInput] = [time, input];
  sums.inputs += 1;
  if (sums.inputs % 32 > 0) return;
  const memory = process.resourceUsage().maxRSS * 1024;
  if (memory > mostMemory && sums.memory <= mostMemory)
    find(`took the process to ${memory} bytes, or one of the 31 inputs before it did`);
  sums.memory = Math.max(sums.memory, memory);
}

/** Milliseconds of processor time that an input takes, measured by doing it again. */
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

export interface Input {
  /** What it was made of. */
  readonly seed: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Those that are planned for it. */
  readonly edits: readonly Edit[];
}

/** Planning costs more than all the reading; over a run each edit is planned on a fifth of the inputs. */
const editsOfAnInput = Number(process.env.ELFINTERP_FUZZ_EDITS ?? 4);

/** Make one input. */
export function inputNumber(input: number): Input {
  const random = new Random(input);
  const seed = pickSeed(random);
  const bytes = mutate(seed, random);
  const first = random.below(edits.length);
  const drawn = [...edits.slice(first), ...edits.slice(0, first)].slice(0, editsOfAnInput);
  return {seed: seed.name, bytes, edits: drawn};
}
