/*
 * Compile src into dist twice: once by tsc as the library (one ESM file per source file, with types), and once
 * by esbuild as the command lines, one CommonJS file each. The second exists for start-up time alone: loading
 * yargs and our own modules one by one costs more than everything `elfinterp get` does.
 */
import {execFileSync} from 'node:child_process';
import {readFileSync, rmSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
rmSync('dist', {recursive: true, force: true});
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], {stdio: 'inherit'});
/*
 * The command line imports from src/index.ts alone, which names the whole library. In one file that would mean to set
 * up the whole library at every start, so here each name is imported from the module where index.ts has it from.
 */
const directImports = {
  name: 'direct imports',
  setup({onLoad}) {
    const moduleOf = new Map();
    const index = readFileSync('src/index.ts', 'utf8');
    for (const [, names, from] of index.matchAll(/^export (?:type )?\{([^}]*)\} from '\.\/([^']+)';$/gm)) {
      for (const name of namesIn(names)) moduleOf.set(name.replace(/^type /, ''), from);
    }
    const moduleFor = (name) => {
      if (!moduleOf.has(name)) throw new Error(`src/index.ts does not export ${name}`);
      return moduleOf.get(name);
    };
    onLoad({filter: /\/src\/cli\/.*\.ts$/}, ({path: file}) => {
      const text = readFileSync(file, 'utf8');
      const contents = text.replace(
        /^import \{([^}]*)\} from '((?:\.\.\/)+)index\.js';$/gm,
        (_statement, names, up) =>
          namesIn(names)
            .filter((name) => !name.startsWith('type '))
            .map((name) => `import {${name}} from '${up}${moduleFor(name)}';`)
            .join(' ') + '\n'.repeat(names.split('\n').length - 1),
      );
      return {contents, loader: 'ts', resolveDir: path.dirname(file)};
    });
  },
};

function namesIn(list) {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

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
    plugins: [directImports],
    logLevel: 'warning',
  });
}
