/*
 * Build one executable that contains Node and all three command lines
 * (https://nodejs.org/api/single-executable-applications.html):
 *
 *     npm run build:single-file -- FILE
 *
 * It is this machine's Node with the program in a note, so it runs where that Node does. Run under the name
 * elfinterp-patchelf or elfinterp-chrpath, for example through a link, it is that command.
 */
import {execFileSync} from 'node:child_process';
import {chmodSync, copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';
import {inject} from 'postject';
import {directImports, randomNames, yargsWithoutHelp} from './bundle-plugins.js';

/** Node finds its application by the note, and the fuse tells whether it has one. */
const note = 'NODE_SEA_BLOB';
const sentinelFuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

const main = `
  import {basename} from 'node:path';
  import {main as elfinterp} from './src/cli/main.ts';
  import {main as patchelf} from './src/cli/drop-ins/patchelf.ts';
  import {main as chrpath} from './src/cli/drop-ins/chrpath.ts';
  const others = {'elfinterp-patchelf': patchelf, 'elfinterp-chrpath': chrpath};
  const other = others[basename(process.argv0)];
  if (other === undefined) elfinterp(process.argv.slice(2));
  else process.exitCode = other(process.argv.slice(2));
`;

const [target] = process.argv.slice(2);
if (target === undefined) {
  console.error('usage: node scripts/single-file.js FILE');
  process.exit(2);
}
const output = path.resolve(target);
process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const work = mkdtempSync(path.join(tmpdir(), 'elfinterp-single-'));
try {
  await makeExecutable();
} finally {
  rmSync(work, {recursive: true, force: true});
}

async function makeExecutable() {
  const application = path.join(work, 'blob');
  const settings = path.join(work, 'sea.json');
  writeFileSync(
    settings,
    JSON.stringify({
      main: await bundleAll(path.join(work, 'main.js')),
      output: application,
      disableExperimentalSEAWarning: true,
      useCodeCache: true,
    }),
  );
  execFileSync(process.execPath, ['--experimental-sea-config', settings], {stdio: 'ignore'});
  const unfinished = `${output}.unfinished`;
  copyFileSync(process.execPath, unfinished);
  chmodSync(unfinished, 0o755);
  await inject(unfinished, note, readFileSync(application), {sentinelFuse});
  renameSync(unfinished, output);
}

/** Bundle everything into one file: a single executable application cannot load others. */
async function bundleAll(outfile) {
  await build({
    stdin: {contents: main, resolveDir: '.', loader: 'js'},
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    banner: {js: "const __importMetaUrl=require('node:url').pathToFileURL(__filename).href;"},
    define: {'import.meta.url': '__importMetaUrl', 'process.stdout.columns': 'undefined'},
    plugins: [directImports, randomNames, yargsWithoutHelp],
    logLevel: 'warning',
  });
  return outfile;
}
