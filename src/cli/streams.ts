/*
 * Standard output and standard error by their descriptors. `process.stdout` would do, but setting it up takes a large
 * part of the time that `get` may add to Node's own start, and all that is needed here is a blocking write.
 */
import {fstatSync, writeSync} from 'node:fs';
import {printable} from '../index.js';

export type Descriptor = 1 | 2;

/** Another process may have made a shared pipe non-blocking; wait this long before the next attempt. */
const millisecondsBetweenTries = 5;

/** Write all of it, however long that takes. Ends the process when no one reads or nothing can be written. */
export function writeTo(descriptor: Descriptor, data: string | Uint8Array): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN')
        leave(error as NodeJS.ErrnoException, descriptor);
      sleep(millisecondsBetweenTries);
    }
  }
}

/** Write lines with one call: as they are for a script, escaped for a terminal. */
export function printTo(descriptor: Descriptor, lines: readonly string[]): void {
  if (lines.length === 0) return;
  const shown = isTerminal(descriptor) ? lines.map(printable) : lines;
  writeTo(descriptor, `${shown.join('\n')}\n`);
}

/**
 * Output without a reader. A reader that went away, as in `elfinterp needed -r / | head`, has what it wanted: 141 is
 * what a shell reports for SIGPIPE. Anything else, a full disk above all, is a failure.
 */
function leave(error: NodeJS.ErrnoException, descriptor: Descriptor): never {
  if (error.code === 'EPIPE') process.exit(141);
  // Node's message begins with a code and ends with the system call.
  const reason = error.message.replace(/^[A-Z0-9]+: |, write$/g, '');
  if (descriptor === 1) writeTo(2, `elfinterp: cannot write the output: ${reason}\n`);
  process.exit(1);
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Major number of Linux's memory devices: /dev/null, /dev/zero, /dev/full (devices.txt in its documentation). */
const memoryDevices = 1;

/** Whether a person is watching. Node is asked only about character devices, and not about /dev/null and its like. */
export function isTerminal(descriptor: Descriptor): boolean {
  const stats = fstatSync(descriptor);
  if (!stats.isCharacterDevice()) return false;
  const major = (stats.rdev >> 8) & 0xfff;
  return !(process.platform === 'linux' && major === memoryDevices) && streamOf(descriptor).isTTY === true;
}

/** The width of a terminal in characters; undefined for anything else. */
export function columnsOf(descriptor: Descriptor): number | undefined {
  // A terminal that was never told its size says 0.
  return isTerminal(descriptor) ? streamOf(descriptor).columns || undefined : undefined;
}

function streamOf(descriptor: Descriptor): NodeJS.WriteStream {
  return descriptor === 1 ? process.stdout : process.stderr;
}
