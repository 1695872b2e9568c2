/*
 * How much a piece of code does, as a number that is the same on every machine: how often V8 enters a block of ours
 * (precise coverage, with counts). Time would depend on other load. Work inside built-in functions is not counted, but
 * the callbacks that they call are.
 */
import {Session} from 'node:inspector';
import {setFlagsFromString} from 'node:v8';

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly {readonly ranges: readonly {readonly count: number}[]}[];
  }[];
}

// Code that the optimizer inlines is not counted, so counts would depend on how warm a function is.
setFlagsFromString('--no-opt');
setFlagsFromString('--no-maglev');

// A function compiled before coverage starts has no counters, so start it as soon as this file is loaded.
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', {callCount: true, detailed: true});

/** Count the blocks of src that a function runs through. */
export function countSteps(work: () => void): number {
  takeCounts();
  work();
  return takeCounts();
}

/** The counts since they were last taken; a session within one process answers at once. */
function takeCounts(): number {
  let sum = 0;
  session.post('Profiler.takePreciseCoverage', (error, coverage) => {
    if (error !== null) throw error;
    for (const {url, functions} of (coverage as Coverage).result) {
      if (!url.includes('/build/src/')) continue;
      for (const {ranges} of functions) for (const {count} of ranges) sum += count;
    }
  });
  return sum;
}
