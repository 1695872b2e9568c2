/*
 * The peak memory of a process.
 */

/**
 * The peak memory of this process, in bytes. It does not start with that of the process which started this one, as
 * getrusage(2) does. It uses no import, so that its text can be part of another program.
 */
export function peakMemory(): number {
  const {readFileSync} = process.getBuiltinModule('node:fs');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}
