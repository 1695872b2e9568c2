/* What `bundle --trace` says. */
import type {TracedRun, Unbundled} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import type {Output} from '../output.js';
import {safe} from '../safe-text.js';
import {counted} from '../size.js';
import type {bundle as definition} from './definition.js';

/** Refuse a command line that asks for a trace which cannot be made. */
export function checkTrace({trace, root, '--': command = []}: ArgumentsOf<typeof definition>): void {
  if (!trace) return;
  if (root !== undefined)
    throw new UsageError('--trace runs a command of this machine, and cannot be combined with --root');
  if (command.length === 0) throw new UsageError('--trace needs a command to run after --');
}

/** Print the options as lines of one command line, fit for a shell. */
export function printUnbundled({status}: TracedRun, {options, skipped}: Unbundled, output: Output): void {
  if (status !== 0)
    output.note(
      safe`the traced command ended with ${status === null ? 'a signal' : `exit status ${status}`}`,
    );
  if (skipped > 0)
    output.note(safe`the traced command opened ${counted(skipped, 'file')} that no option can name`);
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
