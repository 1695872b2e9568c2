/*
 * Compile src into dist twice: once by tsc as the library (one ESM file per source file, with types), and once by
 * esbuild as the command lines, in a few CommonJS files. The second exists only for start-up time: loading yargs and
 * our own modules one by one costs more than everything `elfinterp get` does.
 */
import {execFileSync} from 'node:child_process';
import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {bundleCommandLines, importSource} from './bundle.js';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('dist', {recursive: true, force: true});
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], {stdio: 'inherit'});
await bundleCommandLines('dist/bin');
const {manual} = await importSource('src/cli/help/man.ts');
rmSync('man', {recursive: true, force: true});
mkdirSync('man');
for (const [name, page] of manual()) writeFileSync(`man/${name}`, page);
// Fill the compile cache for this machine's Node; the package ships without it.
execFileSync(process.execPath, ['-e', "require('./bin/load.js').loadAll()"], {stdio: 'inherit'});
