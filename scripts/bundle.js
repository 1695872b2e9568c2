/*
 * The command lines as CommonJS files that load quickly; bin/load.js loads them.
 *
 * Node compiles everything it loads, so code that only some commands need goes into separate files: esbuild splits the
 * program into parts, each needed by the same set of commands. That makes dozens, and finding and reading a file costs
 * as much as compiling some kilobytes, so parts that are needed together are packed together again.
 */
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {build, transform} from 'esbuild';
import {directImports, randomNames, withoutDynamicImports, yargsWithoutHelp} from './bundle-plugins.js';

const entryPoints = {
  cli: 'src/cli/main.ts',
  patchelf: 'src/cli/drop-ins/patchelf.ts',
  chrpath: 'src/cli/drop-ins/chrpath.ts',
};

/**
 * The files, each with those of its modules that are loaded from outside; a part that several files need goes into the
 * first.
 */
const packs = {
  cli: ['src/cli/main.ts', 'src/cli/inspect/get.ts', 'src/cli/inspect/needed.ts'],
  edit: ['src/cli/edit/set.ts', 'src/cli/edit/edit.ts', 'src/cli/inspect/check.ts'],
  help: ['src/cli/help/help.ts'],
  parse: ['src/cli/parse.ts', 'src/cli/unknown-command.ts'],
  completion: ['src/cli/completion/complete.ts', 'src/cli/completion/completion.ts'],
  patchelf: ['src/cli/drop-ins/patchelf.ts'],
  chrpath: ['src/cli/drop-ins/chrpath.ts'],
  show: ['src/cli/show/show.ts'],
  tree: ['src/cli/tree/tree.ts'],
  package: ['src/cli/package/audit.ts', 'src/cli/package/repair.ts'],
};
/** The file for everything else. */
const lastPack = 'chroots';

const common = {platform: 'node', target: 'node20', minifySyntax: true, minifyWhitespace: true};

/** Write the command lines and what they load into a directory. */
export async function bundleCommandLines(directory) {
  const parts = await split(directory);
  const fileOf = distribute(parts);
  mkdirSync(directory, {recursive: true});
  for (const file of new Set(fileOf.values())) {
    const members = [...parts].filter(([name]) => fileOf.get(name) === file);
    const code = link(packed(members, file), file, fileOf);
    // It is read as Latin-1, which is quicker.
    if (/[^\0-\x7f]/.test(code)) throw new Error(`${file} is not ASCII`);
    writeFileSync(path.join(directory, `${file}.cjs`), code);
  }
}

/** Split the program; each part has its code, its entry module if any, and the parts that it always loads. */
async function split(directory) {
  const {outputFiles, metafile} = await build({
    ...common,
    entryPoints,
    outdir: directory,
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    // esbuild splits only ES modules, which Node loads more slowly, so each part is converted to CommonJS afterwards.
    format: 'esm',
    legalComments: 'none',
    // Only pictures need Graphviz, a megabyte; only tarballs need tar.
    external: ['@viz-js/viz', 'tar'],
    // yargs asks for its own location, and sets up process.stdout to learn the width for help.
    define: {'import.meta.url': '__importMetaUrl', 'process.stdout.columns': 'undefined'},
    plugins: [directImports, randomNames, yargsWithoutHelp],
    logLevel: 'warning',
  });
  const parts = new Map();
  for (const {path: file, text} of outputFiles) {
    const {entryPoint, imports} = metafile.outputs[path.relative('.', file)];
    const loads = imports.filter(({kind, external}) => kind === 'import-statement' && !external);
    parts.set(partName(file), {
      code: await toCommonJs(text),
      entryPoint,
      loads: loads.map((other) => partName(other.path)),
    });
  }
  return parts;
}

function partName(file) {
  return path.basename(file, '.js');
}

async function toCommonJs(text) {
  const banner = text.includes('__importMetaUrl')
    ? "const __importMetaUrl=require('node:url').pathToFileURL(__filename).href;"
    : '';
  const supported = {'dynamic-import': false};
  const {code} = await transform(text, {...common, format: 'cjs', supported, banner});
  return code;
}

/** Which file each part goes into. */
function distribute(parts) {
  const fileOf = new Map();
  const put = (name, file) => {
    if (fileOf.has(name)) return;
    fileOf.set(name, file);
    for (const other of parts.get(name).loads) put(other, file);
  };
  for (const [file, modules] of Object.entries(packs)) {
    for (const module of modules) {
      const found = [...parts].find(([, {entryPoint}]) => entryPoint === module);
      if (found === undefined) throw new Error(`${module} is not a part of its own`);
      put(found[0], file);
    }
  }
  for (const name of parts.keys()) put(name, lastPack);
  return fileOf;
}

/**
 * Join several parts into one file; each runs when first requested. The parentheses around a function tell V8 to
 * compile it at once; without them it would be preparsed first. esbuild exports getters, which are called at every use;
 * none of our exports changes, so each getter is called once.
 */
function packed(members, file) {
  const table = members.map(
    ([name, {code}]) => `${JSON.stringify(name)}:(function(module,exports){${code}})`,
  );
  const main = members.some(([name]) => name === file)
    ? `exports.main=(...args)=>part("${file}").main(...args);`
    : '';
  return `"use strict";
const parts={${table.join(',\n')}};
const loaded={};
const part=(name)=>{
  if(!(name in loaded)){
    const module=loaded[name]={exports:{}};
    parts[name](module,module.exports);
    module.exports={...module.exports};
  }
  return loaded[name].exports;
};
exports.part=part;${main}
`;
}

/** Point each `require` in this file's code to the file that has the part. */
function link(code, file, fileOf) {
  return code.replace(/require\("\.\/([\w-]+)\.js"\)/g, (_call, name) => {
    const place = fileOf.get(name);
    return place === file ? `part("${name}")` : `load("${place}").part("${name}")`;
  });
}

/** Bundle one module by itself, and import it. */
export async function importSource(module) {
  const {outputFiles} = await build({
    entryPoints: [module],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    plugins: [directImports, withoutDynamicImports],
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
