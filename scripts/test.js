/*
 * Compile the tests, run them with AVA, and end with one line: `N passed, N failed`, and `, N skipped` if any.
 *
 * AVA's own summary depends on its reporter and on what went wrong, so the tests are counted here, in its TAP output; a
 * test that passes but prints `skipped: ...` counts as skipped. With CI in the environment, a skipped test counts as
 * failed. Arguments go to AVA, as in `node scripts/test.js test/cli/*.ts --match='*pipe*'`; `--portable` selects the
 * tests that show whether another release of Node behaves the same: no chroots, no matrix, no campaigns; `--runtime`
 * selects those of them that matter for another release of the same line: the command line, files, processes.
 */
import {spawn, spawnSync} from 'node:child_process';
import {existsSync, readdirSync, rmSync, statSync} from 'node:fs';
import path from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';

const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');
/** Where install-test-tools.sh puts shared emulators on Debian 13 and sid, whose own are static. */
const ownTools = '/usr/local/lib/elfinterp-test-tools/bin';
const counts = {passed: 0, failed: 0, skipped: 0};
/**
 * What `--portable` leaves out: tests that depend on the kernel, on other programs or on time more than on Node, and
 * tests of pure computation that the tests of edits and of the command line cover.
 */
const notPortable = [
  'test/architecture',
  'test/binfmt/registry',
  'test/bundle/hwcaps',
  'test/bundle/libc-data',
  'test/bundle/reproducible',
  'test/chroot/',
  'test/cli/binfmt',
  'test/cli/chroot',
  'test/cli/completion',
  'test/cli/hostile-strings',
  'test/cli/manual',
  'test/cli/show',
  'test/containment/',
  'test/docs',
  'test/edit/damaged-fields',
  'test/edit/layout/',
  'test/edit/matrix',
  'test/edit/payload-programs',
  'test/edit/request/',
  'test/edit/sweep-usr-bin',
  'test/faults/',
  'test/fuzz/',
  'test/loader/machine',
  'test/package.test',
  'test/pack/stub',
  'test/playground',
  'test/readme',
  'test/single-file',
  'test/workflow',
];
/** What `--runtime` also leaves out: pure computation that needs nothing from Node. */
const notRuntime = [
  ...notPortable,
  'test/binfmt/',
  'test/edit/',
  'test/elf/',
  'test/loader/',
  'test/examples',
  'test/package/',
  'test/pack/bad-input',
];
/** The result of the last test, and its line: its comments follow it. */
let last;
let lastResult;
/** The lines of failed tests; the report repeats them because a long log hides them. */
const failures = [];

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
if (compile()) await runTests(process.argv.slice(2).flatMap(testsFor));
else fail('the tests do not compile');
report();

function compile() {
  // The command line under test is that of dist.
  if (isStale() && spawnSync(process.execPath, ['scripts/build.js'], {stdio: 'inherit'}).status !== 0)
    return false;
  rmSync('build', {recursive: true, force: true});
  return spawnSync('node_modules/.bin/tsc', ['-p', 'tsconfig.json'], {stdio: 'inherit'}).status === 0;
}

/** Whether a source has changed since dist was built. */
function isStale() {
  const built = statSync('dist/bin/cli.cjs', {throwIfNoEntry: false})?.mtimeMs ?? 0;
  return readdirSync('src', {recursive: true}).some(
    (name) => statSync(path.join('src', name)).mtimeMs > built,
  );
}

function testsFor(arg) {
  if (arg === '--portable') return testsWithout(notPortable);
  return arg === '--runtime' ? testsWithout(notRuntime) : [arg];
}

function testsWithout(prefixes) {
  return readdirSync('test', {recursive: true})
    .map((name) => path.join('test', name))
    .filter((name) => name.endsWith('.test.ts') && !prefixes.some((prefix) => name.startsWith(prefix)))
    .sort();
}

async function runTests(args) {
  const env = {...process.env};
  if (inCi) delete env.ELFINTERP_TEST_SKIP_MISSING;
  if (existsSync(ownTools)) env.PATH = `${ownTools}:${env.PATH}`;
  const ava = spawn('node_modules/.bin/ava', ['--tap', ...args], {env, stdio: ['ignore', 'pipe', 'inherit']});
  const ended = new Promise((resolve) => {
    ava.on('error', (error) => resolve(error.message));
    ava.on('close', (code, signal) => resolve(code ?? signal));
  });
  for await (const line of createInterface({input: ava.stdout})) readLine(line);
  const status = await ended;
  // AVA also fails for reasons outside any test: no test found, a crash at exit, a bad argument.
  if (status !== 0 && counts.failed === 0) fail(`AVA ended with ${status}`);
  if (status === 0 && counts.passed === 0) fail('no test passed');
}

/** Print a line of TAP, and count it when it is a test's result. */
function readLine(line) {
  const result = /^(ok|not ok) \d+ - .*?( # (SKIP|TODO))?$/.exec(line);
  if (result !== null) {
    const [, status, directive] = result;
    last = directive !== undefined ? 'skipped' : status === 'ok' ? 'passed' : 'failed';
    counts[last] += 1;
    lastResult = line;
  } else if (last === 'passed' && /^\s*#\s+skipped: /.test(line)) {
    counts.passed -= 1;
    counts.skipped += 1;
    last = 'skipped';
    if (inCi) failures.push(lastResult);
  }
  if (last === 'failed' || (last === 'skipped' && inCi)) failures.push(line);
  if (line !== '' && !/^(TAP version|\d+\.\.\d+$|# (tests|pass|skip|fail) \d+$)/.test(line))
    console.log(line);
}

function fail(reason) {
  console.log(`not ok - ${reason}`);
  failures.push(`not ok - ${reason}`);
  counts.failed += 1;
}

function report() {
  if (inCi && counts.skipped > 0) {
    console.log(`not ok - ${counts.skipped} skipped, and nothing may be skipped in CI`);
    counts.failed += counts.skipped;
    counts.skipped = 0;
  }
  if (failures.length > 0) console.log(`failed tests:\n${failures.filter((line) => line !== '').join('\n')}`);
  const {passed, failed, skipped} = counts;
  process.exitCode = failed > 0 ? 1 : 0;
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
}
