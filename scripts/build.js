/*
 * Compile src into dist twice: once by tsc as the library (one ESM file per source file, with types), and once
 * by esbuild as the command line, a single CommonJS file. The second exists for start-up time alone: loading
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
    onLoad({filter: /\/src\/cli\/.*\.ts$/}, ({path: file}) => {
      const text = readFileSync(file, 'utf8');
      const contents = text.replace(
        /^import \{([^}]*)\} from '((?:\.\.\/)+)index\.js';$/gm,
        (_statement, names, up) =>
          namesIn(names)
            .filter((name) => !name.startsWith('type '))
            .map((name) => `import {${name}} from '${up}${moduleOf.get(name)}';`)
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

await build({
  entryPoints: ['src/cli/main.ts'],
  outfile: 'dist/cli.cjs',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  // yargs is ESM only and asks where it lives; in a CommonJS file that is __filename.
  define: {'import.meta.url': '__importMetaUrl'},
  banner: {js: "const __importMetaUrl=require('node:url').pathToFileURL(__filename).href;"},
  plugins: [directImports],
  logLevel: 'warning',
});
