import {spawnSync} from 'node:child_process';
import type {Libc} from '../loader/loader-facts.js';

/**
 * Run an isolated loader to check that it ignores LD_*: with LD_SHOW_AUXV set it must not print the auxiliary vector,
 * and with the variable's new name it must.
 *
 * @param loader the file on this machine
 * @returns what is wrong, in words; undefined when it is as it should be
 */
export function testIsolation(loader: string, libc: Libc = 'glibc'): string | undefined {
  // musl's loader prints nothing to test for. Either its variables were renamed, or the plan had a warning.
  if (libc === 'musl') return undefined;
  const reads = showsAuxv(loader, 'LD_SHOW_AUXV');
  if (typeof reads === 'string') return `the isolated loader could not be tested: ${reads}`;
  if (reads) return 'the isolated loader still reads LD_* variables';
  return showsAuxv(loader, 'LD%SHOW_AUXV') === true
    ? undefined
    : 'the isolated loader does not behave as expected';
}

/** Whether the loader prints the auxiliary vector when a variable is set; a text says why that is not known. */
function showsAuxv(loader: string, variable: string): boolean | string {
  const {error, signal, stdout} = spawnSync(loader, ['--version'], {
    env: {[variable]: '1'},
    encoding: 'utf8',
    timeout: 10_000,
  });
  if (error !== undefined) return error.message;
  if (signal !== null) return `it was killed by ${signal}`;
  return /^AT_[A-Z0-9_]+:/m.test(stdout);
}
