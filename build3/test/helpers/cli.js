import {existsSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {run} from './tools.js';
/** Compiled tests lie in build/test/helpers. */
export const projectDirectory = fileURLToPath(new URL('../../../', import.meta.url));
export const program = path.join(projectDirectory, 'bin', 'elfinterp.js');
export const bundledProgram = path.join(projectDirectory, 'dist', 'cli.cjs');
if (!existsSync(bundledProgram)) throw new Error(`${bundledProgram} is missing; npm run build`);
/** Run a command line. */
export function elfinterp(args, options = {}) {
  return run(process.execPath, [program, ...args], options);
}
/**
 * Run a command line as a user without privileges; as this user when that is not root. The code is loaded before
 * the change of user, who may not be able to read it.
 */
export function elfinterpAsNobody(args, options = {}) {
  if (process.geteuid?.() !== 0) return elfinterp(args, options);
  const script = [
    `const {main} = require(${JSON.stringify(bundledProgram)});`,
    'process.setgroups([]); process.setgid(65534); process.setuid(65534);',
    'main(process.argv.slice(1));',
  ].join('\n');
  return run(process.execPath, ['-e', script, '--', ...args], options);
}
/** What is in a directory, hidden files too, and the content of each file. */
export function contentOf(directory) {
  const files = readdirSync(directory, {withFileTypes: true}).filter((entry) => entry.isFile());
  return Object.fromEntries(files.map(({name}) => [name, readFileSync(path.join(directory, name))]));
}
//# sourceMappingURL=cli.js.map
