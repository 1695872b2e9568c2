/*
 * Descriptors that this process was started with. A shell's `exec 9</etc/shadow`, or a lock that a service holds, would
 * be inherited by every program started from here, even in a chroot, unless it is marked close-on-exec. Node marks
 * those with low numbers, and offers no call to mark the others.
 */
import {closeSync, openSync, readdirSync, readFileSync} from 'node:fs';

/** O_CLOEXEC of Linux, the same on every machine that Node runs on. */
const closeOnExec = 0o2000000;

/**
 * Start a process that gets /dev/null in place of each descriptor that it would inherit beyond its standard streams.
 * It is opened even if there is no such descriptor: the processes started with this need it themselves, and without it
 * fail later, in ways that do not name it.
 *
 * @param first the number of the first descriptor to look at
 * @param start gets the rest of spawn's `stdio`
 */
export function withoutInherited<T>(first: number, start: (rest: readonly (number | 'ignore')[]) => T): T {
  const nothing = openSync('/dev/null', 'r');
  try {
    const inherited = new Set(descriptors().filter((fd) => fd >= first && isInherited(fd)));
    if (inherited.size === 0) return start([]);
    const length = Math.max(...inherited) - first + 1;
    return start(Array.from({length}, (_, i) => (inherited.has(first + i) ? nothing : 'ignore')));
  } finally {
    closeSync(nothing);
  }
}

function descriptors(): number[] {
  return readdirSync('/proc/self/fd').map(Number);
}

function isInherited(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '';
    return (Number.parseInt(flags, 8) & closeOnExec) === 0;
  } catch {
    // This was the descriptor used to list the directory, which is closed by now.
    return false;
  }
}
