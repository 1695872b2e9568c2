/*
 * What does a run of elfinterp cost over Node's own start? `elfinterp get FILE` against `node -e 0`, in pairs, so that
 * a machine that becomes busy slows both; the median of the ratios counts.
 *
 *     npm run bench:startup [-- PAIRS [FILE]]
 */
import {spawnSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';

const pairs = Number(process.argv[2] ?? 40);
const file = process.argv[3] ?? fileURLToPath(new URL('../test-binaries/x86_64/probe-pie', import.meta.url));
const program = fileURLToPath(new URL('../bin/elfinterp.js', import.meta.url));
const contenders = {
  'node -e 0': ['-e', '0'],
  'elfinterp get': [program, 'get', file],
};

const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
for (let i = -2; i < pairs; i++) {
  // Whoever is first in one pair is second in the next.
  const order = Object.entries(contenders);
  for (const [name, args] of i % 2 === 0 ? order : order.reverse()) {
    const time = milliseconds(args);
    if (i >= 0) times[name].push(time);
  }
}
report();

function milliseconds(args) {
  const start = process.hrtime.bigint();
  const {status, stderr} = spawnSync(process.execPath, args, {stdio: ['ignore', 'ignore', 'pipe']});
  if (status !== 0) throw new Error(`node ${args.join(' ')}: ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function report() {
  const [plain, ours] = Object.values(times);
  for (const [name, values] of Object.entries(times)) {
    console.log(
      `${name.padEnd(14)} ${median(values).toFixed(1)} ms (least ${Math.min(...values).toFixed(1)})`,
    );
  }
  const ratios = ours.map((time, i) => time / plain[i]);
  console.log(`median ratio   ${median(ratios).toFixed(2)} of ${pairs} pairs`);
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
