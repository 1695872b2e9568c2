/* Helpers of the demonstration: print a command, run it, show its output. */
import {spawnSync} from 'node:child_process';
import {accessSync, constants} from 'node:fs';
import {delimiter, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {machineOf, openElfSync} from '../dist/index.js';

const cli = fileURLToPath(new URL('../bin/elfinterp.js', import.meta.url));

/** @param {string} text */
export function say(text) {
  console.log(`\n# ${text}`);
}

/** @param {string} text @returns {never} */
export function fail(text) {
  console.error(`\ndemo: ${text}`);
  process.exit(1);
}

/** Print an elfinterp command as a user types it, run it, and print its output. */
export function show(args, options = {}) {
  console.log(`$ elfinterp ${args.join(' ')}`);
  return run([process.execPath, cli, ...args], options);
}

/** Run a command; a failure ends the demonstration, unless it may fail. */
export function run(
  [command, ...args],
  {mayFail = false, quiet = false, env = process.env, cwd = process.cwd()} = {},
) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    env,
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
  if (!quiet) {
    process.stdout.write(indent(result.stdout ?? ''));
    process.stdout.write(indent(result.stderr ?? ''));
  }
  if (!mayFail && (result.error !== undefined || result.status !== 0)) {
    if (quiet) process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
    fail(`${[command, ...args].join(' ')}: ${result.error?.message ?? `exit status ${result.status}`}`);
  }
  return result;
}

function indent(text) {
  return text.replace(/^(?=.)/gm, '    ');
}

/** @param {string} name */
export function findOnPath(name) {
  const directories = (process.env.PATH ?? '').split(delimiter);
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The architecture of a file; undefined if it is not an ELF file. */
export function machineOfFile(path) {
  try {
    const file = openElfSync(path);
    const {name} = machineOf(file.view);
    void file.close();
    return name;
  } catch {
    return undefined;
  }
}
