/*
 * Helpers that the benchmarks share.
 */
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

// Node reads both before anything else, which lengthens its start and makes every ratio to it look better.
delete process.env.NODE_EXTRA_CA_CERTS;
delete process.env.NODE_OPTIONS;

export const cli = fileURLToPath(new URL('../bin/elfinterp.js', import.meta.url));

/** Make a directory that is removed when the process ends. */
export function workDirectory(parent = tmpdir()) {
  const directory = mkdtempSync(join(parent, 'elfinterp-bench-'));
  process.on('exit', () => rmSync(directory, {recursive: true, force: true}));
  return directory;
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
