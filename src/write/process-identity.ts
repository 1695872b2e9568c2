/*
 * Which process left this, and is it still running? A process id is not enough: ids are used again, another
 * PID namespace has its own, and a directory can be another machine's over the network. So an identity is the number,
 * the time when the process started, and a digest of where that number means anything: this boot of this kernel, this
 * PID namespace, and this time namespace, by whose clock the start is told.
 */
import {readFileSync, readlinkSync} from 'node:fs';

/** What `ownIdentity` returns, as a part of a regular expression. */
export const identityPattern = '\\d+-\\d+-[0-9a-f]{8}';

let own: string | undefined;

/** Tell this process from every other: `PID-START-PLACE`. */
export function ownIdentity(): string {
  own ??= `${process.pid}-${statOf(process.pid).start}-${placeOfNumbers()}`;
  return own;
}

const identity = new RegExp(`^${identityPattern}$`);

/** Whether a process is at work still. Of one whose number means nothing here that is unknown. */
export function isRunning(whose: string): boolean | 'unknown' {
  if (!identity.test(whose)) return false;
  const [pid = '', start = '', place = ''] = whose.split('-');
  if (place !== placeOfNumbers()) return 'unknown';
  if (!isAlive(Number(pid))) return false;
  const {state, start: now} = statOf(Number(pid));
  // Nobody may ever wait for what was killed: process 1 of many a container does not.
  if (state === 'Z' || state === 'X') return false;
  return start === unknownStart || now === unknownStart || start === now;
}

/** In milliseconds; a bundle of all emulators takes some seconds. */
const longestWork = 600_000;

/**
 * Whether a process is still working on what it last changed at the given time, in milliseconds since 1970. One that
 * cannot be known here, as of another machine or before the last boot, is given ten minutes.
 */
export function isAtWork(whose: string, since: number): boolean {
  const running = isRunning(whose);
  return running === 'unknown' ? Date.now() - since < longestWork : running;
}

const unknownStart = '0';

/** Its state, and when it started in ticks of the clock since the boot (proc(5), stat, fields 3 and 22). */
function statOf(pid: number): {state?: string | undefined; start: string} {
  try {
    // Where /proc is another namespace's, another process has that number there.
    if (readlinkSync('/proc/self') !== String(process.pid)) return {start: unknownStart};
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {state: fields[0], start: fields[19] ?? unknownStart};
  } catch {
    return {start: unknownStart};
  }
}

let place: string | undefined;

function placeOfNumbers(): string {
  place ??= digest(
    [
      () => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'),
      () => readlinkSync('/proc/self/ns/pid'),
      () => readlinkSync('/proc/self/ns/time'),
    ].map(orNothing),
  );
  return place;
}

function orNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

/** FNV-1a of 32 bits, as eight hexadecimal digits: enough to tell machines apart, and quicker than node:crypto. */
function digest(texts: readonly string[]): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(texts.join('\n'))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}

/** Whether a process of this number exists; whose it is does not matter. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
