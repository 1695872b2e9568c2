/* Run the fuzzer from a seed, and say what it found. The test runs it for a while, scripts/fuzz.js for hours. */
import {readFileSync} from 'node:fs';
import {fixtures} from '../helpers/fixtures.js';
import {mutate} from './mutate.js';
import {Random} from './random.js';
import {examine} from './target.js';

/** Files that are small enough to be looked through a thousand times a second. */
const seeds = fixtures.filter(({path}) => readFileSync(path).length < 24_000);
const contents = new Map(seeds.map(({name, path}) => [name, new Uint8Array(readFileSync(path))]));
/** Fuzz `count` inputs, the first of them number `first`; input n is the same in every run. */
export function fuzz(first, count, mostFindings = 10) {
  const findings = [];
  let [planned, refused, stopped, slowest, slowestInput] = [0, 0, 0, 0, -1];
  for (let input = first; input < first + count && findings.length < mostFindings; input++) {
    const {name, bytes} = inputNumber(input);
    const start = performance.now();
    try {
      const outcome = examine(bytes);
      planned += outcome.planned;
      refused += outcome.refused;
      stopped += outcome.stopped;
    } catch (error) {
      findings.push({input, fixture: name, message: String(error.stack), bytes});
    }
    const time = performance.now() - start;
    if (time > slowest) [slowest, slowestInput] = [time, input];
  }
  return {
    inputs: count,
    planned,
    refused,
    stopped,
    findings,
    slowest,
    slowestInput,
    memory: process.resourceUsage().maxRSS * 1024,
  };
}
/** The bytes of one input, and the fixture that it was made of. */
export function inputNumber(input) {
  const random = new Random(input);
  const {name} = random.pick(seeds);
  return {name, bytes: mutate(contents.get(name) ?? new Uint8Array(), random)};
}
//# sourceMappingURL=run.js.map
