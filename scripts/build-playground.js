/*
 * Build docs/playground.html: one self-contained page, which embeds the engine as the source of a worker. Its content
 * security policy names the script by its hash and allows no connections, so the page cannot send a file anywhere.
 * `--print` writes it to standard output instead, for a test to compare.
 */
import {createHash} from 'node:crypto';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {build, transform} from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const page = await buildPage();
if (process.argv.includes('--print')) {
  process.stdout.write(page);
} else {
  mkdirSync('docs', {recursive: true});
  writeFileSync('docs/playground.html', page);
}

async function buildPage() {
  const sample = readFileSync('test-binaries/x86_64/probe-gold-pie');
  const worker = await bundle('playground/worker.ts', {});
  const script = await bundle('playground/main.ts', {
    WORKER_SOURCE: JSON.stringify(worker),
    SAMPLE: JSON.stringify(withoutZeros(sample)),
    SAMPLE_SIZE: String(sample.length),
  });
  // `</script` must not occur inside a script element, and in JavaScript it can occur only in a string.
  const inline = script.trim().replaceAll('</script', '<\\/script');
  const parts = {
    policy: `<meta http-equiv="Content-Security-Policy" content="${policy(inline)}">`,
    style: `<style>${await style()}</style>`,
    script: `<script>${inline}</script>`,
  };
  const page = readFileSync('playground/page.html', 'utf8').replace(/^ +/gm, '');
  return page.replace(/<!--(\w+)-->/g, (_, name) => parts[name]);
}

async function bundle(entry, define) {
  const {outputFiles, metafile} = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    charset: 'utf8',
    external: ['node:*', 'tar', 'tmp'],
    define,
    plugins: [{name: 'leave-out-renaming', setup: leaveOutRenaming}],
    logLevel: 'warning',
  });
  const foreign = Object.values(metafile.outputs).flatMap(({imports}) => imports.map(({path}) => path));
  if (foreign.length > 0) throw new Error(`${entry} must do without ${foreign.join(', ')}`);
  return outputFiles[0].text;
}

/** The page cannot rename symbols, so leave that code out. */
function leaveOutRenaming({onLoad}) {
  onLoad({filter: /\/rename-symbols\.ts$/}, () => ({
    contents: "export function renameSymbols() { throw new Error('not on this page'); }",
  }));
}

async function style() {
  const entry = "export {pageStyle} from './src/cli/show/style.ts'";
  const {outputFiles} = await build({
    stdin: {contents: entry, resolveDir: '.'},
    bundle: true,
    write: false,
    format: 'esm',
    external: ['node:*', 'tar', 'tmp'],
    logLevel: 'warning',
  });
  const code = Buffer.from(outputFiles[0].contents).toString('base64');
  const {pageStyle} = await import(`data:text/javascript;base64,${code}`);
  const css = `${pageStyle}\n${readFileSync('playground/style.css', 'utf8')}`;
  return (await transform(css, {loader: 'css', minify: true})).code.trim();
}

function policy(script) {
  const hash = createHash('sha256').update(script).digest('base64');
  return `default-src 'none'; script-src 'sha256-${hash}' blob:; worker-src blob:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'`;
}

/** The nonzero stretches of a file, each with its offset. */
function withoutZeros(bytes) {
  const pieces = [];
  let start;
  let end = 0;
  for (let i = 0; i <= bytes.length; i++) {
    const isLong = start !== undefined && i - end > 8;
    if (start !== undefined && (i === bytes.length || isLong)) {
      pieces.push([start, bytes.subarray(start, end).toString('base64')]);
      start = undefined;
    }
    if (bytes[i] !== 0 && i < bytes.length) {
      start ??= i;
      end = i + 1;
    }
  }
  return pieces;
}
