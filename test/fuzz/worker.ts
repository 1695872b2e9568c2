/*
 * One process of a long run: takes a range of inputs, and reports after each hundred. It is started with little memory
 * for JavaScript, so that an input that needs more kills it, and the parent sees which input it was.
 */
import {emptySummary, runInput, type Summary} from './run.js';

/** What the parent receives. */
export type Report =
  | {readonly kind: 'begin'; readonly input: number}
  | {readonly kind: 'sums'; readonly sums: Summary}
  | {readonly kind: 'end'};

const report = (message: Report, sent?: () => void) => process.send?.(message, undefined, undefined, sent);

/** The inputs of one report; the parent learns the number of the first before it is tried. */
const batch = 100;

process.on('message', ({first, count}: {first: number; count: number}) => {
  for (let done = 0; done < count; done += batch) {
    report({kind: 'begin', input: first + done});
    const sums = emptySummary();
    for (let i = done; i < Math.min(done + batch, count); i++) runInput(first + i, sums);
    report({kind: 'sums', sums});
  }
  report({kind: 'end'}, () => process.disconnect());
});
