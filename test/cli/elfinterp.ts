import {program, elfinterp as runElfinterp} from '../helpers/cli.js';
import {type RunResult, run} from '../helpers/tools.js';

/** Run `elfinterp` with these arguments. */
export function elfinterp(...args: readonly string[]): RunResult {
  return runElfinterp(args);
}

/** Run it on a terminal, and return what it printed there, to both streams. */
export function onTerminal(env: Readonly<Record<string, string>>, ...args: readonly string[]): string {
  return onNarrowTerminal(0, env, ...args);
}

/** The same on a terminal of this many columns; 0 means that it does not know. */
export function onNarrowTerminal(
  columns: number,
  env: Readonly<Record<string, string>>,
  ...args: readonly string[]
): string {
  const line = [process.execPath, program, ...args].map((word) => `'${word}'`).join(' ');
  const options = {env: {TERM: 'xterm', NO_COLOR: '', ...env}};
  return run('script', ['-qec', `stty columns ${columns}; ${line}`, '/dev/null'], options).stdout.replaceAll(
    '\r\n',
    '\n',
  );
}
