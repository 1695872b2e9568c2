/*
 * Compile src into dist twice: once by tsc as the library (one ESM file per source file, with types), and once
 * by esbuild as the command lines, one CommonJS file each. The second exists for start-up time alone: loading
 * yargs and our own modules one by one costs more than everything `elfinterp get` does.
 */
import {execFileSync} from 'node:child_process';
import {rmSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
rmSync('dist', {recursive: true, force: true});
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], {stdio: 'inherit'});
for (const [entry, outfile] of [
  ['src/cli/main.ts', 'dist/cli.cjs'],
  ['src/cli/patchelf.ts', 'dist/patchelf.cjs'],
  ['src/cli/chrpath.ts', 'dist/chrpath.cjs'],
])
  await bundle(entry, outfile);

async function bundle(entry, outfile) {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    // Graphviz is a megabyte that only pictures need.
    external: ['@viz-js/viz'],
    // yargs is ESM only and asks where it lives; in a CommonJS file that is __filename.
    define: {'import.meta.url': '__importMetaUrl'},
    banner: {js: "const __importMetaUrl=require('node:url').pathToFileURL(__filename).href;"},
    logLevel: 'warning',
  });
}
