import {chmodSync, copyFileSync, existsSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import tmp from 'tmp';
import {fixture} from './fixtures.js';

/** Make a directory that is removed with its content when the test ends. */
export function tempDirectory(t: ExecutionContext): string {
  return directoryIn(t, undefined);
}

/** The same in memory if possible, for thousands of files that need not be on disk. */
export function memoryDirectory(t: ExecutionContext): string {
  return directoryIn(t, existsSync('/dev/shm') ? '/dev/shm' : undefined);
}

function directoryIn(t: ExecutionContext, tmpdir: string | undefined): string {
  const {name, removeCallback} = tmp.dirSync({prefix: 'elfinterp-test-', unsafeCleanup: true, tmpdir});
  t.teardown(removeCallback);
  return name;
}

/** Copy a fixture, writable, to a directory of the test's own; the path of the copy. */
export function copyFixture(t: ExecutionContext, name: string, as = path.basename(name)): string {
  const copy = path.join(tempDirectory(t), as);
  copyFileSync(fixture(name).path, copy);
  chmodSync(copy, 0o755);
  return copy;
}

/** Write bytes or text to a file in a directory of the test's own; its path. */
export function tempFile(t: ExecutionContext, content: Uint8Array | string, as = 'file'): string {
  const file = path.join(tempDirectory(t), as);
  writeFileSync(file, content);
  return file;
}
