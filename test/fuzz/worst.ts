/*
 * `npm run fuzz:worst`: processor time and memory for the inputs that cost the most, each in a separate process, as a
 * table. An argument selects inputs whose names contain it.
 */
import {fork} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {peakMemory} from '../helpers/peak-memory.js';
import {worstInputs, worstWorks} from './worst-inputs.js';

interface Measured {
  readonly size: number;
  readonly seconds: Readonly<Record<string, number>>;
  readonly memory: number;
}

/** Time each work on a file's bytes, and tell the parent. */
function measure(file: string): void {
  const bytes = new Uint8Array(readFileSync(file));
  const seconds = Object.entries(worstWorks).map(([what, work]) => {
    const start = process.cpuUsage();
    work(bytes);
    const {user, system} = process.cpuUsage(start);
    return [what, (user + system) / 1e6];
  });
  process.send?.({size: bytes.length, seconds: Object.fromEntries(seconds), memory: peakMemory()});
}

function print(name: string, {size, seconds, memory}: Measured): void {
  const cells = [
    name,
    `${(size / 2 ** 20).toFixed(1)} MiB`,
    ...Object.keys(worstWorks).map((what) => `${(seconds[what] ?? 0).toFixed(2)} s`),
    `${Math.round(memory / 2 ** 20)} MiB`,
  ];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

/** Making an input takes memory too, so make it in this process. */
async function measureApart(name: string, file: string): Promise<void> {
  writeFileSync(file, worstInputs[name]?.(1) ?? '');
  const child = fork(fileURLToPath(import.meta.url), ['--measure', file]);
  const measured = await new Promise<Measured | undefined>((resolve) => {
    child.on('message', (message: Measured) => resolve(message));
    child.on('close', () => resolve(undefined));
  });
  if (measured === undefined) process.stdout.write(`| ${name} | died |\n`);
  else print(name, measured);
}

async function measureAll(filter: string): Promise<void> {
  const heads = ['input', 'size', ...Object.keys(worstWorks), 'memory'];
  process.stdout.write(`| ${heads.join(' | ')} |\n|${heads.map(() => '---|').join('')}\n`);
  const directory = mkdtempSync(path.join(tmpdir(), 'elfinterp-worst-'));
  try {
    for (const name of Object.keys(worstInputs))
      if (name.includes(filter)) await measureApart(name, path.join(directory, 'input'));
  } finally {
    rmSync(directory, {recursive: true});
  }
}

const [, , flag = '', file = ''] = process.argv;
if (flag === '--measure') measure(file);
else await measureAll(flag);
