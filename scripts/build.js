/*
 * Compile src into dist twice: once by tsc as the library (one ESM file per source file, with types), and once
 * by esbuild as the command lines, one CommonJS file each. The second exists for start-up time alone: loading
 * yargs and our own modules one by one costs more than everything `elfinterp get` does.
 */
import {execFileSync} from 'node:child_process';
import {readFileSync, rmSync} from 'node:fs';
import {dirname, relative, resolve} from 'node:path';
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
    plugins: [{name: 'past-the-index', setup: importPastTheIndex}],
  });
}

/**
 * The command line imports from src/index.ts, as users do, and that loads the whole library. In its bundle each
 * import goes to the file that the index names, so that `get` does not wait for what `bundle` needs.
 */
function importPastTheIndex({onLoad}) {
  const index = resolve('src/index.ts');
  const places = new Map();
  for (const [, names, from] of readFileSync(index, 'utf8').matchAll(
    /^export \{([^}]*)\} from '([^']+)';/gm,
  )) {
    for (const {name, as} of namesIn(names)) places.set(as, {name, file: resolve(dirname(index), from)});
  }
  onLoad({filter: /\/src\/cli\/.*\.ts$/}, ({path}) => {
    const text = readFileSync(path, 'utf8').replace(
      /^import \{([^}]*)\} from '(?:\.\.\/)+index\.js';/gm,
      (_, names) =>
        namesIn(names)
          .map(({name, as}) => {
            const place = places.get(name);
            if (place === undefined) throw new Error(`${path}: src/index.ts has no ${name}`);
            return `import {${place.name} as ${as}} from './${relative(dirname(path), place.file)}';`;
          })
          .join(' '),
    );
    return {contents: text, loader: 'ts'};
  });
}

/** The values among `a, type B, c as d`. */
function namesIn(list) {
  return list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '' && !entry.startsWith('type '))
    .map((entry) => entry.split(' as '))
    .map(([name, as = name]) => ({name, as}));
}
