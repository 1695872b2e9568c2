/*
 * A temporary file beside the target, so that the rename stays inside one file system. Its name carries the
 * process that made it; a later run on the same target removes what a killed one left behind.
 */
import {readdirSync, rmSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import tmp from 'tmp';
import {systemError} from '../errors.js';

/** Leaves room for the process number and tmp's random part within NAME_MAX (255 bytes). */
const longestStem = 180;
/** Find a free name in the directory of `target`, after removing the files that dead processes left there. */
export function temporaryName(target) {
  const directory = dirname(target);
  const stem = stemFor(target);
  removeStale(directory, stem);
  try {
    return tmp.tmpNameSync({tmpdir: directory, prefix: `${stem}${process.pid}`});
  } catch (error) {
    throw systemError(target, error, 'cannot write a new file beside it');
  }
}
/** Names of temporary files for a target begin like this, followed by the process number and a dash. */
export function stemFor(target) {
  const name = Buffer.from(basename(target))
    .subarray(0, longestStem)
    .toString('latin1')
    .replace(/[^\x21-\x7e]/g, '_');
  return `.${name}.elfinterp-`;
}
function removeStale(directory, stem) {
  let names;
  try {
    names = readdirSync(directory);
  } catch {
    return;
  }
  for (const name of names) {
    const pid = name.startsWith(stem) ? /^(\d+)-/.exec(name.slice(stem.length))?.[1] : undefined;
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(directory, name), {force: true});
  }
}
/** Whether a process of this number exists; whose it is does not matter. */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
//# sourceMappingURL=temporary.js.map
