import {readFileSync} from 'node:fs';
import path from 'node:path';

/*
 * The command line imports only from src/index.ts, which exports the whole library. A bundle would then set up the
 * whole library at every start, so import each name from the module that index.ts takes it from.
 */
export const directImports = {
  name: 'direct imports',
  setup({onLoad}) {
    const sources = new Map();
    const index = readFileSync('src/index.ts', 'utf8');
    for (const [, names, from] of index.matchAll(/^export (?:type )?\{([^}]*)\} from '\.\/([^']+)';$/gm)) {
      for (const name of namesIn(names)) {
        const [original, given = original] = name.replace(/^type /, '').split(' as ');
        sources.set(given, {original, from});
      }
    }
    const importOf = (name, up) => {
      const source = sources.get(name);
      if (source === undefined) throw new Error(`src/index.ts does not export ${name}`);
      return `import {${source.original} as ${name}} from '${up}${source.from}';`;
    };
    onLoad({filter: /\/src\/cli\/.*\.ts$/}, ({path: file}) => {
      const text = readFileSync(file, 'utf8');
      const contents = text.replace(
        /^import \{([^}]*)\} from '((?:\.\.\/)+)index\.js';$/gm,
        (_statement, names, up) =>
          namesIn(names)
            .filter((name) => !name.startsWith('type '))
            .map((name) => importOf(name, up))
            .join(' ') + '\n'.repeat(names.split('\n').length - 1),
      );
      return {contents, loader: 'ts', resolveDir: path.dirname(file)};
    });
  },
};

/** Keep dynamically imported modules out of the bundle. */
export const withoutDynamicImports = {
  name: 'without dynamic imports',
  setup({onResolve}) {
    onResolve({filter: /.*/}, ({path: specifier, kind}) =>
      kind === 'dynamic-import' ? {path: specifier, external: true} : undefined,
    );
  },
};

function namesIn(list) {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/*
 * We use yargs only to parse, not to lay out help, and Intl.Segmenter and node:assert, which it loads for layout, are
 * slow to set up. Nor does it need to look for a configuration: for that it asks for the working directory as soon as
 * it is loaded, which fails in a deleted directory.
 */
export const yargsWithoutHelp = {
  name: 'yargs without help',
  setup({onResolve, onLoad}) {
    onResolve({filter: /^(assert|cliui|string-width)$/}, ({path: name, importer}) =>
      importer.includes('/node_modules/yargs/') ? {path: name, namespace: 'stand-in'} : undefined,
    );
    onLoad({filter: /.*/, namespace: 'stand-in'}, ({path: name}) => ({
      contents: name === 'assert' ? assertions : 'export default undefined;',
    }));
    onLoad({filter: /\/yargs\/lib\/platform-shims\/esm\.mjs$/}, ({path: file}) => {
      const text = readFileSync(file, 'utf8');
      if (!text.includes(placeOfYargs)) throw new Error('yargs asks for its place in another way');
      return {contents: text.replace(placeOfYargs, "mainFilename: '/'"), loader: 'js'};
    });
  },
};

const placeOfYargs = 'mainFilename: mainFilename || process.cwd()';

const assertions = `
  const demand = (isSo) => { if (!isSo) throw new Error('yargs is used in a way that it does not expect'); };
  export const strictEqual = (actual, expected) => demand(Object.is(actual, expected));
  export const notStrictEqual = (actual, expected) => demand(!Object.is(actual, expected));
`;

/*
 * tmp needs a dozen random bytes for a name, but Node takes 6 ms to set up node:crypto. Read them from /dev/urandom
 * instead; without it, fall back to node:crypto.
 */
export const randomNames = {
  name: 'random names',
  setup({onResolve, onLoad}) {
    onResolve({filter: /^crypto$/}, ({path: name, importer}) =>
      importer.includes('/node_modules/tmp/') ? {path: name, namespace: 'random'} : undefined,
    );
    onLoad({filter: /.*/, namespace: 'random'}, () => ({contents: randomBytes, loader: 'js'}));
  },
};

const randomBytes = `
  import {closeSync, openSync, readSync} from 'node:fs';
  export function randomBytes(length) {
    const bytes = Buffer.alloc(length);
    try {
      const fd = openSync('/dev/urandom', 'r');
      try {
        if (readSync(fd, bytes) === length) return bytes;
      } finally {
        closeSync(fd);
      }
    } catch {}
    return require('node:crypto').randomBytes(length);
  }
`;
