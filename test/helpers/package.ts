/*
 * The package as a user gets it: packed, and installed from the tarball into an empty directory. Anything that works
 * only in the checkout fails there.
 */
import {cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {projectDirectory} from './cli.js';
import {tempDirectory} from './temp.js';
import {output} from './tools.js';

let installed: string | undefined;

/** One installation serves all tests of a file. */
function install(): string {
  if (installed !== undefined) return installed;
  const directory = mkdtempSync(path.join(tmpdir(), 'elfinterp-package-'));
  // Pack the existing build: rebuilding would pull it out from under the other tests.
  output('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', directory], {
    cwd: projectDirectory,
  });
  const [tarball = ''] = readdirSync(directory);
  const quiet = ['--silent', '--no-audit', '--no-fund', '--prefer-offline'];
  output('npm', ['install', ...quiet, `./${tarball}`], {cwd: directory, timeout: 600_000});
  installed = directory;
  return directory;
}

test.after.always('the installed package is removed', () => {
  if (installed !== undefined) rmSync(installed, {recursive: true, force: true});
});

export interface UserDirectory {
  readonly directory: string;
  /** With the package's programs in PATH, as in a script of package.json or after a global installation. */
  readonly env: {readonly PATH: string};
}

/** A user's directory with the package installed in it. */
export function userDirectory(t: ExecutionContext): UserDirectory {
  const directory = tempDirectory(t);
  symlinkSync(path.join(install(), 'node_modules'), path.join(directory, 'node_modules'));
  return {directory, env: {PATH: `${directory}/node_modules/.bin:${process.env.PATH}`}};
}

/** Copy an example there, and return its path. */
export function copyExample(directory: string, name: string): string {
  const copy = path.join(directory, name.replace(/\.js$/, '.mjs'));
  cpSync(path.join(projectDirectory, 'examples', name), copy);
  return copy;
}
