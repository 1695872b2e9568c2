/*
 * A long run: child processes with little memory share the inputs. A child that dies or hangs is itself a finding, and
 * another one continues after the inputs that it was running.
 */
import {type ChildProcess, fork} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {emptySummary, type Summary} from './run.js';
import type {Report} from './worker.js';

export interface CampaignOptions {
  readonly first: number;
  readonly count: number;
  readonly processes: number;
  /** Called from time to time with the totals so far. */
  readonly onProgress?: (sums: Summary) => void;
}

/** Inputs per process; it then ends, which frees its memory. */
const share = 20_000;

/** Megabytes for JavaScript objects; the rest of the 256 is for Node itself and buffers. */
const heapSize = 128;

/**
 * Megabytes for each half of the young generation. Node 24 takes four times as much, and with it the process alone is
 * over the limit of 256.
 */
const youngSize = 8;

/**
 * A hundred inputs take a few seconds. A child that reports nothing for so much longer hangs, however busy the machine
 * is.
 */
const mostSilence = 120_000;

/** Run inputs `first` to `first + count - 1`. The totals do not depend on the number of processes. */
export async function runCampaign({first, count, processes, onProgress}: CampaignOptions): Promise<Summary> {
  const total = emptySummary();
  let next = first;
  const end = first + count;
  const lane = async () => {
    while (next < end) {
      const start = next;
      next = Math.min(end, start + share);
      await runShare(start, next - start, (sums) => {
        add(total, sums);
        onProgress?.(total);
      });
    }
  };
  await Promise.all(Array.from({length: processes}, lane));
  total.findings.sort((a, b) => a.input - b.input);
  return total;
}

async function runShare(first: number, count: number, onSums: (sums: Summary) => void): Promise<void> {
  for (let start = first; start < first + count; ) {
    const {diedAt, why} = await runChild(start, first + count - start, onSums);
    if (diedAt === undefined) return;
    const message = `the process that tried it and the 99 behind it ${why}`;
    onSums({...emptySummary(), findings: [{input: diedAt, seed: '', message}]});
    start = diedAt + 100;
  }
}

interface End {
  /** The first input of the batch that it was running; undefined if it finished. */
  readonly diedAt: number | undefined;
  readonly why: string;
}

function runChild(first: number, count: number, onSums: (sums: Summary) => void): Promise<End> {
  const worker = fileURLToPath(new URL('worker.js', import.meta.url));
  const execArgv = [`--max-old-space-size=${heapSize}`, `--max-semi-space-size=${youngSize}`];
  const child = fork(worker, {execArgv});
  const silence = watch(child);
  let at: number | undefined;
  child.on('message', (report: Report) => {
    silence.refresh();
    if (report.kind === 'begin') at = report.input;
    else if (report.kind === 'sums') {
      at = undefined;
      onSums(report.sums);
    }
  });
  child.send({first, count});
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(silence);
      resolve({diedAt: at, why: `ended with ${signal ?? code}`});
    });
  });
}

function watch(child: ChildProcess): NodeJS.Timeout {
  return setTimeout(() => child.kill('SIGKILL'), mostSilence);
}

function add(total: Summary, sums: Summary): void {
  total.inputs += sums.inputs;
  total.planned += sums.planned;
  total.refused += sums.refused;
  total.stopped += sums.stopped;
  total.roots += sums.roots;
  total.findings.push(...sums.findings);
  total.memory = Math.max(total.memory, sums.memory);
  if (sums.slowest > total.slowest) {
    total.slowest = sums.slowest;
    total.slowestInput = sums.slowestInput;
  }
}
