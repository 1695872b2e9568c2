/*
 * Compare the resolver with the loaders themselves: for every program of a root, the files that `ld.so --list` names
 * with those that `resolveTree` names.
 *
 *     node scripts/compare-with-loader.js                        programs of this machine
 *     node scripts/compare-with-loader.js PROGRAM...             these ones
 *     node scripts/compare-with-loader.js --root CHROOT          every program of a chroot that contains an emulator bundle
 *
 * The loaders of a chroot run in it, all in one `elfinterp chroot run`. Prints each difference and a summary line;
 * exits with 1 if anything differs or there is nothing to compare.
 */
import {spawnSync} from 'node:child_process';
import {lstatSync, readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {ElfError, Resolver} from '../dist/index.js';

const command = fileURLToPath(new URL('../bin/elfinterp.js', import.meta.url));
const separator = '==== ';
// The output covers thousands of programs, and some loaders complain on standard error.
const options = {encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'inherit']};
const args = process.argv.slice(2);
const root = args[0] === '--root' ? args[1] : undefined;
const named = root === undefined ? args : args.slice(2);
const resolver = new Resolver({
  direct: true,
  preloadFile: false,
  versions: false,
  ...(root === undefined ? {} : {root}),
});

const trees = programs().flatMap(resolve);
const real = askLoaders(trees);
const different = trees.filter((tree) => !isSame(tree, real.get(tree.nodes[0].path)));
for (const tree of different) explain(tree, real.get(tree.nodes[0].path));
const libraries = new Set(trees.flatMap(({nodes}) => nodes.slice(1).map(({host}) => host)));
const outside =
  root === undefined ? [] : [...libraries].filter((host) => !host.startsWith(`${resolver.root.host}/`));
for (const host of outside) console.log(`${host} is outside of ${root}`);
console.log(
  `${root ?? 'this machine'}: ${trees.length} programs, ${libraries.size} different libraries, ` +
    `${trees.length - different.length} as their loader says, ${different.length} different` +
    (root === undefined ? '' : `, ${outside.length} files from outside`),
);
process.exitCode = trees.length === 0 || different.length + outside.length > 0 ? 1 : 0;

function programs() {
  if (named.length > 0) return named;
  return ['/usr/bin', '/usr/sbin'].flatMap((directory) =>
    readdirSync(join(root ?? '/', directory))
      .sort()
      .map((name) => join(directory, name))
      .filter(isOrdinary),
  );
}

/** Skip links, which only name other programs, and set-user-ID programs, which would be run, not listed. */
function isOrdinary(path) {
  const stats = lstatSync(join(root ?? '/', path));
  return stats.isFile() && (stats.mode & 0o6000) === 0 && (stats.mode & 0o111) !== 0;
}

/** Resolve what a loader would load; skip scripts and static programs. */
function resolve(path) {
  try {
    const tree = resolver.resolve(path);
    return tree.interpreter?.path === undefined ? [] : [tree];
  } catch (error) {
    if (error instanceof ElfError) return [];
    throw error;
  }
}

/** What each program's own loader prints, by the program's path. */
function askLoaders(list) {
  const lines = list.map(({interpreter, nodes: [program]}) => {
    const path = quote(program.path);
    return `echo ${quote(separator + program.path)}; ${quote(interpreter.path)} --list ${path} 2>&1`;
  });
  const {stdout} = root === undefined ? runHere(lines) : runInside(lines);
  const answers = stdout.split(new RegExp(`^${separator}`, 'm')).slice(1);
  return new Map(answers.map((answer) => [answer.slice(0, answer.indexOf('\n')), parse(answer)]));
}

function runHere(lines) {
  return spawnSync('/bin/sh', [], {...options, input: lines.join('\n')});
}

/** The list is longer than an argument may be, so it goes into the chroot as a file. */
function runInside(lines) {
  const script = '/tmp/elfinterp-compare.sh';
  writeFileSync(join(root, script), lines.join('\n'));
  return spawnSync(process.execPath, [command, 'chroot', 'run', root, '--', '/bin/sh', script], options);
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** `NAME => PATH (ADDRESS)`, or `PATH (ADDRESS)`; the vDSO has no path. */
function parse(answer) {
  const paths = [...answer.matchAll(/^\t(?:.* => )?(\/.*) \(0x[0-9a-f]+\)$/gm)].map(([, path]) => path);
  const missing = [...answer.matchAll(/^\t(.*) => not found$/gm)].map(([, name]) => name);
  return {paths, missing, answer};
}

/** A loader that is run directly lists itself under the name it was run by. */
function isSame({nodes, misses}, answer) {
  if (answer === undefined) return false;
  const ours = nodes.slice(1).map(({path}) => path);
  const missed = misses.filter(({optional, kind}) => !optional && kind !== 'interpreter');
  return (
    sorted(ours) === sorted(answer.paths) && sorted(missed.map(({name}) => name)) === sorted(answer.missing)
  );
}

function sorted(list) {
  return [...new Set(list)].sort().join('\n');
}

function explain({nodes, misses}, answer) {
  const ours = new Set(nodes.slice(1).map(({path}) => path));
  const theirs = new Set(answer?.paths ?? []);
  console.log(`${nodes[0].path}:`);
  for (const path of ours) if (!theirs.has(path)) console.log(`    only here: ${path}`);
  for (const path of theirs) if (!ours.has(path)) console.log(`    only there: ${path}`);
  for (const {name} of misses) console.log(`    not found here: ${name}`);
  if (theirs.size === 0)
    console.log(`    the loader said: ${answer?.answer.trim().slice(0, 500) ?? 'nothing'}`);
}
