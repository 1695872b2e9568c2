import {program, elfinterp as runElfinterp} from '../helpers/cli.js';
import {run} from '../helpers/tools.js';
/** Run `elfinterp` with these arguments. */
export function elfinterp(...args) {
  return runElfinterp(args);
}
/** Run it on a terminal; what it printed there, to both streams. */
export function onTerminal(env, ...args) {
  const line = [process.execPath, program, ...args].map((word) => `'${word}'`).join(' ');
  const options = {env: {TERM: 'xterm', NO_COLOR: '', ...env}};
  return run('script', ['-qec', line, '/dev/null'], options).stdout.replaceAll('\r\n', '\n');
}
//# sourceMappingURL=elfinterp.js.map
