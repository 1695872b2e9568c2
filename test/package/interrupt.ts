/*
 * Repairs that are killed or fail at a certain point: `repairPackage` in a separate process, in which some functions of
 * `node:fs` do something else first.
 */
import {readdirSync} from 'node:fs';
import {type RunResult, run} from '../helpers/tools.js';

const repair = new URL('../../src/package/repair/repair.js', import.meta.url).href;

/**
 * Repair a package in place.
 *
 * @param faults JavaScript that calls `before(FUNCTION, (...args) => ...)`; `isIn(path)` says whether a path is that of
 *   a name in the package's own directory, and `kill()` ends the process
 */
export function repairWith(pkg: string, faults: string): RunResult {
  const script = `
    import fs from 'node:fs';
    import path from 'node:path';
    import {syncBuiltinESMExports} from 'node:module';
    const pkg = fs.realpathSync(${JSON.stringify(pkg)});
    const kill = () => process.kill(process.pid, 'SIGKILL');
    const fail = (code) => { throw Object.assign(new Error(code), {code, syscall: 'test'}); };
    const isIn = (file) => fs.realpathSync(path.dirname(file)) === pkg;
    const before = (name, work) => {
      const original = fs[name];
      fs[name] = (...args) => { work(...args); return original(...args); };
    };
    ${faults}
    syncBuiltinESMExports();
    const {repairPackage} = await import(${JSON.stringify(repair)});
    try {
      await repairPackage(pkg, {inPlace: true});
    } catch (error) {
      console.error(error);
      process.exitCode = 1;
    }`;
  return run(process.execPath, ['--input-type=module', '-e', script]);
}

/** Kills the process when the nth file is about to be moved into the package's own directory. */
export function killedAtMove(nth: number): string {
  return `let moves = 0; before('renameSync', (_, to) => { if (isIn(to) && ++moves === ${nth}) kill(); });`;
}

/** The staging directories that are left in a package. */
export function leftIn(pkg: string): string[] {
  return readdirSync(pkg).filter((name) => name.startsWith('.elfinterp'));
}
