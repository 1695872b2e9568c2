/* What `bundle --trace` says. */
import type {TracedRun, Unbundled} from '../index.js';
import type {Arguments} from './command.js';
import type {Output} from './output.js';
import {safe} from './safe-text.js';
import {counted} from './size.js';

/** What is wrong with a command line that asks for a trace. */
export function traceProblem(args: Arguments): string | undefined {
  if (!args.trace) return undefined;
  if (args.root !== undefined)
    return '--trace runs a command of this machine, and cannot be combined with --root';
  return (args['--'] as string[] | undefined)?.length ? undefined : '--trace needs a command to run after --';
}

/** Print the options as lines of one command line, fit for a shell. */
export function printUnbundled({status}: TracedRun, {options, skipped}: Unbundled, output: Output): void {
  if (status !== 0) output.note(safe`the traced command ended with ${status ?? 'a signal'}`);
  if (skipped > 0) output.note(safe`${counted(skipped, 'file')} opened that no option can name`);
  if (options.length === 0) {
    output.note(safe`the traced command opened nothing that is not in the bundle`);
    return;
  }
  output.note(safe`the traced command opened files that are not in the bundle; these options add them:`);
  options.forEach(({text}, i) => {
    output.line(safe`  ${text}${i < options.length - 1 ? ' \\' : ''}`);
  });
}

/** For a program, with the exit status of the command. */
export function unbundledToJson(run: TracedRun | undefined, unbundled: Unbundled | undefined): object {
  if (run === undefined || unbundled === undefined) return {};
  return {trace: {status: run.status, ...unbundled}};
}
