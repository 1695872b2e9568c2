/*
 * The second proof, by the loader inside: started with LD_TRACE_LOADED_OBJECTS it lists what it loads and ends before any
 * code of the program runs (may-list.ts says for which loaders and programs that holds). In an empty root nothing else
 * can be opened.
 */
import {spawnSync} from 'node:child_process';
import {copyFileSync, linkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import tmp from 'tmp';
import type {PackedContents} from '../elf/packed.js';
import {systemError} from '../errors.js';
import {findFixedProgram} from '../source/fixed-program.js';

/** The outcome of the listing. */
export type Listing =
  | {readonly kind: 'listed'; readonly libraries: readonly string[]; readonly emptyRoot: boolean}
  | {readonly kind: 'not-run'; readonly why: string}
  | {readonly kind: 'failed'; readonly what: string};

/** Let the loader of a packed file list its libraries, in an empty root if this machine lets the user have one. */
export function listLoaded(file: string, contents: PackedContents): Listing {
  try {
    return list(file, contents);
  } catch (error) {
    return {kind: 'not-run', why: systemError(tmpdir(), error).message};
  }
}

function list(file: string, contents: PackedContents): Listing {
  // The program may be private; this user is root in the new namespace.
  const root = tmp.dirSync({unsafeCleanup: true, mode: 0o700});
  try {
    const program = join(root.name, 'program');
    place(file, program);
    const env = {[`LD${contents.isolated ? '%' : '_'}TRACE_LOADED_OBJECTS`]: '1'};
    const inRoot = ['--user', '--map-root-user', `--root=${root.name}`, '--wd=/', '/program'];
    const unshare = findFixedProgram('unshare');
    // unshare's own loader is not isolated: given LD_TRACE_LOADED_OBJECTS, it would list what unshare loads.
    const mayStart = unshare !== undefined && contents.isolated;
    const result = mayStart ? run(unshare, inRoot, env) : undefined;
    const missing = contents.isolated ? 'unshare is not installed' : 'the file is not isolated';
    const refusal = result === undefined ? missing : refusalOf(result);
    if (result !== undefined && refusal === undefined) return judge(result, true, contents);
    if (process.geteuid?.() === 0) return {kind: 'not-run', why: `no empty root for it: ${refusal}`};
    return judge(run(program, [], env), false, contents);
  } finally {
    root.removeCallback();
  }
}

/** Why unshare did not start the program; undefined if it did, whatever the outcome. */
function refusalOf({pid, error, status, stderr}: ReturnType<typeof run>): string | undefined {
  if (pid === 0) return error?.message ?? 'unshare did not start';
  return status !== 0 && stderr.startsWith('unshare: ') ? stderr.trim() : undefined;
}

function judge(result: ReturnType<typeof run>, emptyRoot: boolean, {parts}: PackedContents): Listing {
  if (result.error !== undefined) return {kind: 'not-run', why: result.error.message};
  const libraries = result.stdout.split('\n').flatMap((line) => /^\s*(\S+) => \S/.exec(line)?.[1] ?? []);
  const missing = /^\s*(\S+) => not found/m.exec(result.stdout)?.[1];
  if (missing !== undefined) return {kind: 'failed', what: `${missing} was not found`};
  if (result.status !== 0) {
    const what = result.stderr.trim() || `it ended with ${result.signal ?? result.status}`;
    return {kind: 'failed', what};
  }
  const inside = new Set(
    parts.flatMap(({names, soname}) => [...names, ...(soname === undefined ? [] : [soname])]),
  );
  const stranger = libraries.find((name) => !inside.has(basename(name)));
  if (stranger !== undefined) return {kind: 'failed', what: `${stranger} comes from outside`};
  return {kind: 'listed', libraries, emptyRoot};
}

function place(file: string, to: string): void {
  try {
    linkSync(file, to);
  } catch {
    copyFileSync(file, to);
  }
}

function run(command: string, arguments_: readonly string[], env: NodeJS.ProcessEnv) {
  return spawnSync(command, arguments_, {
    env: {PATH: process.env.PATH, ...env},
    cwd: '/',
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 22,
  });
}
