/*
 * Which process left this, and is it still running? A process id is not enough: ids are reused, another PID namespace
 * has its own, and a directory may be shared with another machine. So an identity is the process id, its start time,
 * and a digest of the context in which they are valid: this boot of this kernel, this PID namespace, and this time
 * namespace, whose clock measures the start time.
 */
import {readFileSync, readlinkSync} from 'node:fs';

/** Matches what `ownIdentity` returns, for use in a regular expression. */
export const identityPattern = '\\d+-\\d+-[0-9a-f]{8}';

let own: string | undefined;

/** Identify this process uniquely: `PID-START-PLACE`. */
export function ownIdentity(): string {
  own ??= `${process.pid}-${statOf(process.pid).start}-${placeOfNumbers()}`;
  return own;
}

const identity = new RegExp(`^${identityPattern}$`);

/** Whether a process is still running; unknown if its process id is from another context. */
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

/** In milliseconds; a bundle of all emulators takes a few seconds. */
const longestWork = 600_000;

/**
 * Whether a process is still working on something it last changed at the given time, in milliseconds since 1970. One
 * that cannot be identified here, such as a process on another machine or before the last boot, is given ten minutes.
 */
export function isAtWork(whose: string, since: number): boolean {
  const running = isRunning(whose);
  return running === 'unknown' ? Date.now() - since < longestWork : running;
}

const unknownStart = '0';

/** Its state, and when it started in ticks of the clock since the boot (proc(5), stat, fields 3 and 22). */
function statOf(pid: number): {state?: string | undefined; start: string} {
  try {
    // If /proc belongs to another namespace, the id is that of another process there.
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

/** 32-bit FNV-1a as eight hexadecimal digits: enough to tell machines apart, and faster than node:crypto. */
function digest(texts: readonly string[]): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(texts.join('\n'))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}

/** Whether a process with this id exists, whoever owns it. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
