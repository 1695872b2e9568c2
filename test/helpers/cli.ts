/*
 * The command line as users run it: bin/elfinterp.js in a separate process.
 */
import type {SpawnSyncOptions} from 'node:child_process';
import {cpSync, existsSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import tmp from 'tmp';
import {type RunResult, run} from './tools.js';

/** Compiled tests are in build/test/helpers. */
export const projectDirectory = fileURLToPath(new URL('../../../', import.meta.url));
export const program = path.join(projectDirectory, 'bin', 'elfinterp.js');
/** JavaScript that loads the command line in a separate process, which then calls `load('cli').main(argv)`. */
export const loadCode = `const {load, loadAll, loaded} = require(${JSON.stringify(path.join(projectDirectory, 'bin', 'load.js'))});`;

if (!existsSync(path.join(projectDirectory, 'dist', 'bin')))
  throw new Error('dist/bin is missing; npm run build');

/** Run a command line. */
export function elfinterp(args: readonly string[], options: SpawnSyncOptions = {}): RunResult {
  return run(process.execPath, [program, ...args], options);
}

const nobody = 65534;

/**
 * Run a command line as a user without privileges, or as the current user if that is not root. The code is loaded
 * before the user changes, because the new user may not be able to read it.
 */
export function elfinterpAsNobody(args: readonly string[], options: SpawnSyncOptions = {}): RunResult {
  if (process.geteuid?.() !== 0) return elfinterp(args, options);
  if (!canChangeUser())
    return run(process.execPath, [copyForNobody(), ...args], {...options, uid: nobody, gid: nobody});
  const script = [
    loadCode,
    'loadAll();',
    `process.setgroups([]); process.setgid(${nobody}); process.setuid(${nobody});`,
    "load('cli').main(process.argv.slice(1));",
  ].join('\n');
  return run(process.execPath, ['-e', script, '--', ...args], options);
}

/** Whether this Node lets a process change its user: Debian 13's does not, because libuv may have io_uring open. */
function canChangeUser(): boolean {
  try {
    process.setgroups?.(process.getgroups?.() ?? []);
    return true;
  } catch {
    return false;
  }
}

let copied: string | undefined;

/** A copy of the command line that everybody may read, removed when this process ends. */
function copyForNobody(): string {
  copied ??= makeCopy();
  return path.join(copied, 'bin', path.basename(program));
}

function makeCopy(): string {
  tmp.setGracefulCleanup();
  const directory = tmp.dirSync({prefix: 'elfinterp-copy-', mode: 0o755, unsafeCleanup: true}).name;
  for (const name of ['bin', 'dist/bin'])
    cpSync(path.join(projectDirectory, name), path.join(directory, name), {recursive: true});
  return directory;
}

/** The files in a directory, including hidden ones, with their content. */
export function contentOf(directory: string): Record<string, Buffer> {
  const files = readdirSync(directory, {withFileTypes: true}).filter((entry) => entry.isFile());
  return Object.fromEntries(files.map(({name}) => [name, readFileSync(path.join(directory, name))]));
}
