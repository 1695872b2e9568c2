/*
 * The command line as users have it: bin/elfinterp.js in a process of its own.
 */
import type {SpawnSyncOptions} from 'node:child_process';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {type RunResult, run} from './tools.js';

/** Compiled tests lie in build/test/helpers. */
export const projectDirectory = fileURLToPath(new URL('../../../', import.meta.url));
export const program = path.join(projectDirectory, 'bin', 'elfinterp.js');
/** JavaScript that loads the command line into a process of its own: its `load('cli').main(argv)`. */
export const loadCode = `const {load, loadAll, loaded} = require(${JSON.stringify(path.join(projectDirectory, 'bin', 'load.js'))});`;

if (!existsSync(path.join(projectDirectory, 'dist', 'bin')))
  throw new Error('dist/bin is missing; npm run build');

/** Run a command line. */
export function elfinterp(args: readonly string[], options: SpawnSyncOptions = {}): RunResult {
  return run(process.execPath, [program, ...args], options);
}

/**
 * Run a command line as a user without privileges; as this user when that is not root. The code is loaded before
 * the change of user, who may not be able to read it.
 */
export function elfinterpAsNobody(args: readonly string[], options: SpawnSyncOptions = {}): RunResult {
  if (process.geteuid?.() !== 0) return elfinterp(args, options);
  const script = [
    loadCode,
    'loadAll();',
    'process.setgroups([]); process.setgid(65534); process.setuid(65534);',
    "load('cli').main(process.argv.slice(1));",
  ].join('\n');
  return run(process.execPath, ['-e', script, '--', ...args], options);
}

/** What is in a directory, hidden files too, and the content of each file. */
export function contentOf(directory: string): Record<string, Buffer> {
  const files = readdirSync(directory, {withFileTypes: true}).filter((entry) => entry.isFile());
  return Object.fromEntries(files.map(({name}) => [name, readFileSync(path.join(directory, name))]));
}
