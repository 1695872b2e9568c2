/*
 * Measure what a run of elfinterp costs beyond Node's own start. The contenders alternate, so that a busy moment slows
 * all of them; the result is the median of the ratios. The file is in memory where possible: bench/edit.js measures
 * disks.
 *
 * The floors are scripts of a few lines that make only the system calls of the task: read the file and print a line; or
 * copy it with its attributes (`cp`, as Node cannot), sync it, and rename it over the old one.
 *
 *     npm run bench:startup [-- ROUNDS [BIN...]]
 *
 * BIN is the bin/elfinterp.js of another version, to compare with; it gets its own columns.
 */
import {spawnSync} from 'node:child_process';
import {copyFileSync, existsSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {cli, median, workDirectory} from './helpers.js';

const rounds = Number(process.argv[2] ?? 40);
const programs = [cli, ...process.argv.slice(3)];
const directory = workDirectory(existsSync('/dev/shm') ? '/dev/shm' : undefined);
const file = path.join(directory, 'program');
copyFileSync(new URL('../test-binaries/x86_64/probe-pie', import.meta.url), file);

/** Alternate the interpreter between runs, so that each run has something to write. */
const interpreters = ['/debootstrap/qemu-libs/ld.so', '/lib64/ld-linux-x86-64.so.2'];
const commands = {
  'get FILE': () => ['get', file],
  'needed FILE': () => ['needed', file],
  'set FILE INTERP': (turn) => ['set', file, interpreters[turn % 2]],
  'set, nothing to do': (turn) => ['set', file, interpreters[turn % 2]],
  'edit FILE --rpath DIR': (turn) => ['edit', file, '--rpath', `/opt/${'ab'[turn % 2]}`],
  'get --json FILE': () => ['get', '--json', file],
  '--help': () => ['--help'],
  'set --help': () => ['set', '--help'],
};

const floors = {
  'floor of get': script(
    'get.cjs',
    `const {readFileSync} = require('node:fs');
    process.stdout.write(readFileSync(process.argv[2]).subarray(0, 16).toString('hex') + '\\n');`,
  ),
  'floor of set': script(
    'set.cjs',
    `const fs = require('node:fs');
    const [, , file] = process.argv;
    const bytes = fs.readFileSync(file);
    const directory = fs.mkdtempSync(file);
    const copy = directory + '/copy';
    fs.writeFileSync(copy, bytes, {mode: 0o755, flush: true});
    require('node:child_process').spawnSync('cp', ['--attributes-only', '--preserve=all', file, copy]);
    fs.renameSync(copy, file);
    fs.rmdirSync(directory);`,
  ),
};

const runs = [
  {name: 'node -e 0', args: () => ['-e', '0'], times: []},
  ...Object.entries(floors).map(([name, args]) => ({name, args, times: []})),
  ...programs.flatMap((program, i) =>
    Object.entries(commands).map(([name, args]) => ({
      name,
      program,
      args: (round) => [program, ...args(round * programs.length + i)],
      times: [],
    })),
  ),
];
for (let round = -2; round < rounds; round++) {
  for (const {args, times} of runs) {
    const time = milliseconds(args(Math.abs(round)));
    if (round >= 0) times.push(time);
  }
}
report();

function script(name, text) {
  const place = path.join(directory, name);
  writeFileSync(place, text);
  return () => [place, file];
}

function milliseconds(args) {
  const start = process.hrtime.bigint();
  const {status, stderr} = spawnSync(process.execPath, args, {stdio: ['ignore', 'ignore', 'pipe']});
  if (status !== 0) throw new Error(`node ${args.join(' ')}: ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function report() {
  const [plain, ...others] = runs;
  const columns = (run) => {
    const ratio = median(run.times.map((time, i) => time / plain.times[i]));
    return `${median(run.times).toFixed(1).padStart(9)} ms ${ratio.toFixed(2).padStart(6)}`;
  };
  console.log(`Median of ${rounds} rounds, and the median ratio to node -e 0; Node ${process.version}`);
  if (programs.length > 1) console.log(programs.map((program, i) => `${i + 1}: ${program}`).join('\n'));
  for (const run of [plain, ...others.filter(({name}) => Object.hasOwn(floors, name))])
    console.log(`${run.name.padEnd(22)}${columns(run)}`);
  for (const name of Object.keys(commands)) {
    const same = others.filter((run) => run.name === name);
    console.log(`${name.padEnd(22)}${same.map(columns).join('   ')}`);
  }
}
