/*
 * strace, on the same processor as what it traces: each call that it reports switches from one process to the other and
 * back, which takes three to five times as long on two processors.
 */
import {readFileSync} from 'node:fs';
import {locateProgram} from '../../src/chroot/tools.js';
import {MissingTool} from './tools.js';

/** The processors that this process may use, in turn, because several straces may run at a time. */
const processors = allowedProcessors();
let next = process.pid;

/** A command line that runs strace. @throws MissingTool */
export function strace(...args: readonly string[]): [program: string, ...args: string[]] {
  for (const tool of ['strace', 'taskset'])
    if (locateProgram(tool) === undefined) throw new MissingTool(tool);
  return ['taskset', '-c', `${processors[next++ % processors.length]}`, 'strace', ...args];
}

/** The list is one of numbers and ranges, as in 0-3,8 (proc_pid_status(5)). */
function allowedProcessors(): number[] {
  const [, list = '0'] =
    /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({length: last - first + 1}, (_, i) => first + i);
  });
}
