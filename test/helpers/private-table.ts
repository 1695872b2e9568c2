/*
 * A user namespace with its own binfmt_misc: registrations disappear when the script that runs in it ends.
 */
import {program} from './cli.js';
import {type RunResult, run} from './tools.js';

/** Run a script as root of a namespace, where a private table is mounted and `elfinterp` is defined. */
export function inNamespace(script: string): RunResult {
  const mount = 'mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc || exit 99';
  return run('unshare', ['-Urm', 'sh', '-c', `${mount}; ${defineElfinterp}; ${script}`]);
}

/** For a shell: the command line under test. */
export const defineElfinterp = `elfinterp() { ${process.execPath} ${program} "$@"; }`;
