/*
 * Running and judging edited fixtures.
 */
import {copyFileSync} from 'node:fs';
import path from 'node:path';
import {programFile} from './edits.js';
import {fixtures} from './fixtures.js';
import {elflint} from './readelf.js';
import {run} from './tools.js';
/** Programs and libraries that a loader reads. */
export const loadedFixtures = fixtures.filter(
  ({needed, name}) => needed !== undefined && name !== 'x86_64/hello-static-pie',
);
/** Run a program, every symbol bound at its start, with these libraries beside it and in LD_LIBRARY_PATH. */
export function runBeside(t, {command}, bytes, libraries = {}) {
  const copy = programFile(t, bytes);
  const directory = path.dirname(copy);
  for (const [name, file] of Object.entries(libraries)) copyFileSync(file, path.join(directory, name));
  const [emulator, ...rest] = command;
  const env = {LD_BIND_NOW: '1', LD_LIBRARY_PATH: directory};
  return emulator === undefined ? run(copy, [], {env}) : run(emulator, [...rest, copy], {env});
}
/** The libraries of the fixtures' own that a fixture needs, to lie beside it. */
export function librariesOf({needed, path: file}) {
  const own = (needed ?? []).filter((name) => name.startsWith('libprobe'));
  return Object.fromEntries(own.map((name) => [name, path.join(path.dirname(file), name)]));
}
/** Assert that an edited program does what the fixture does. Libraries are not run. */
export function runsAsBefore(t, file, bytes) {
  if (file.output === undefined) return;
  const {status, stdout, stderr} = runBeside(t, file, bytes, librariesOf(file));
  t.is(stderr, '');
  t.is(status, 0);
  t.regex(stdout, file.output);
}
/** What eu-elflint says of an edited file and not of the original; the numbers of dynamic entries do not count. */
export function complaintsSince(t, file, bytes) {
  const normal = (line) => line.replace(/entry \d+/, 'entry');
  const known = new Set(elflint(file.path).map(normal));
  return elflint(programFile(t, bytes)).filter((line) => !known.has(normal(line)));
}
//# sourceMappingURL=edited.js.map
