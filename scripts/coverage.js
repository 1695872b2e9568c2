/*
 * Find the lines of src that no test runs. Runs the test suite, or the folders given as arguments, folder by folder
 * with V8's coverage in every process, and leaves one c8 report for each folder in coverage/. `--report` only reads
 * existing reports. The result goes to docs/coverage.md, see scripts/coverage-page.js.
 *
 * The tests start the command line as a separate process, from the bundles in dist/bin. V8 cannot map a bundle to
 * source lines, and code that the bundler left out would count as run, so for this run each bundle is replaced by a
 * stub that loads the compiled modules that the tests import.
 */
import {spawnSync} from 'node:child_process';
import {chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {foldersOfTests, writeCoveragePage} from './coverage-page.js';

/** More random edits and inputs would only run the same lines again. */
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

/** Node can `require` ES modules, but warns that this is experimental. */
function writeDoor(name, source) {
  const module = JSON.stringify(path.resolve(`build/src/cli/${source}.js`));
  writeFileSync(
    `dist/bin/${name}.cjs`,
    `process.removeAllListeners('warning');\nmodule.exports = require(${module});\n`,
  );
}

/** The folders of test, and the files directly in test as one more group. */
function testGroups() {
  return ['test/*.test.ts', ...foldersOfTests().map((folder) => `test/${folder}/**/*.test.ts`)];
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
