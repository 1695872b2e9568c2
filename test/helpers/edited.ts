/*
 * Running and judging edited fixtures.
 */
import {copyFileSync} from 'node:fs';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {programFile} from './edits.js';
import {type Fixture, fixtures} from './fixtures.js';
import {elflint} from './readelf.js';
import {type RunResult, run} from './tools.js';

/** Programs and libraries that a loader reads. */
export const loadedFixtures: readonly Fixture[] = fixtures.filter(
  ({needed, name}) => needed !== undefined && name !== 'x86_64/hello-static-pie',
);

/** Run a program with all symbols bound at start, and these libraries beside it and in LD_LIBRARY_PATH. */
export function runBeside(
  t: ExecutionContext,
  {command}: Fixture,
  bytes: Uint8Array,
  libraries: Readonly<Record<string, string>> = {},
): RunResult {
  const copy = programFile(t, bytes);
  const directory = path.dirname(copy);
  for (const [name, file] of Object.entries(libraries)) copyFileSync(file, path.join(directory, name));
  const [emulator, ...rest] = command;
  const env = {LD_BIND_NOW: '1', LD_LIBRARY_PATH: directory};
  return emulator === undefined ? run(copy, [], {env}) : run(emulator, [...rest, copy], {env});
}

/** The fixture libraries that a fixture needs beside it. */
export function librariesOf({needed, path: file}: Fixture): Record<string, string> {
  const own = (needed ?? []).filter((name) => name.startsWith('libprobe'));
  return Object.fromEntries(own.map((name) => [name, path.join(path.dirname(file), name)]));
}

/** Assert that an edited program does what the fixture does. Libraries are not run. */
export function runsAsBefore(t: ExecutionContext, file: Fixture, bytes: Uint8Array): void {
  if (file.output === undefined) return;
  const {status, stdout, stderr} = runBeside(t, file, bytes, librariesOf(file));
  t.is(stderr, '');
  t.is(status, 0);
  t.regex(stdout, file.output);
}

/** What eu-elflint reports for an edited file but not for the original, ignoring the numbers of dynamic entries. */
export function complaintsSince(t: ExecutionContext, file: Fixture, bytes: Uint8Array): string[] {
  const normal = (line: string) => line.replace(/entry \d+/, 'entry');
  const known = new Set(elflint(file.path).map(normal));
  return elflint(programFile(t, bytes)).filter((line) => !known.has(normal(line)));
}
