/*
 * Which lines of src does no test run? Runs the test suite, folder by folder or those given as arguments, with V8's
 * own coverage in every process, and leaves one c8 report for each folder in coverage/. `--report` only reads what is
 * there. The result goes to docs/coverage.md, see scripts/coverage-page.js.
 *
 * The tests start the command line as a process of its own, from the bundles in dist/bin. Of a bundle V8 could not say
 * which line of which source file it was, and code that the bundler left out would count as run; so for this run the
 * bundles are replaced by a door to the compiled modules that the tests import themselves.
 */
import {spawnSync} from 'node:child_process';
import {chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {writeCoveragePage} from './coverage-page.js';

/** More random edits and inputs run the same lines again. */
const lessOften = {ELFINTERP_RUNS: '60', ELFINTERP_FUZZ_INPUTS: '2000'};

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const args = process.argv.slice(2);
let failed = false;
if (!args.includes('--report')) {
  try {
    run(process.execPath, ['scripts/build.js']);
    writeDoor('cli', 'main');
    for (const name of ['patchelf', 'chrpath']) writeDoor(name, `drop-ins/${name}`);
    for (const group of args.length > 0 ? args : testGroups()) measure(group);
  } finally {
    run(process.execPath, ['scripts/build.js']);
  }
}
writeCoveragePage();
if (failed) process.exitCode = 1;

/** Node loads ES modules by `require`, and warns that this is new. */
function writeDoor(name, source) {
  const module = JSON.stringify(path.resolve(`build/src/cli/${source}.js`));
  writeFileSync(
    `dist/bin/${name}.cjs`,
    `process.removeAllListeners('warning');\nmodule.exports = require(${module});\n`,
  );
}

/** Folders of test, and the files beside them as one more. */
function testGroups() {
  const entries = readdirSync('test', {withFileTypes: true});
  const folders = entries.filter((entry) => entry.isDirectory()).map(({name}) => `test/${name}`);
  const withTests = folders.filter((folder) => readdirSync(folder).some((name) => name.endsWith('.test.ts')));
  return ['test/*.test.ts', ...withTests.map((folder) => `${folder}/**/*.test.ts`)];
}

function measure(group) {
  const name = group.replace(/^test\/|[/*]*\.test\.ts$|\/\*+/g, '').replaceAll('/', '-') || 'top';
  const raw = mkdtempSync(path.join(tmpdir(), 'elfinterp-coverage-'));
  // Some tests run the command line as another user.
  chmodSync(raw, 0o1777);
  mkdirSync('coverage', {recursive: true});
  try {
    const tests = spawnSync(process.execPath, ['scripts/test.js', group], {
      stdio: 'inherit',
      env: {...lessOften, ...process.env, NODE_V8_COVERAGE: raw},
    });
    if (tests.status !== 0) failed = true;
    const report = [
      'report',
      '--temp-directory',
      raw,
      '--merge-async',
      '--include',
      'build/src/**',
      '--exclude',
      'node_modules/**',
    ];
    run('node_modules/.bin/c8', [...report, '--reporter', 'json', '--reports-dir', `coverage/${name}`]);
  } finally {
    rmSync(raw, {recursive: true, force: true});
  }
}

function run(command, words) {
  const {status} = spawnSync(command, words, {stdio: 'inherit'});
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: exit status ${status}`);
}
