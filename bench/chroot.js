/*
 * Measure what each way to start an emulator in a chroot costs: the time of one exec of /bin/true and, on request, of
 * debootstrap's second stage. The three ways: the shared emulator with PT_INTERP rewritten, the same emulator started
 * by a wrapper script for a static shell, and the static emulator.
 *
 *   node bench/chroot.js CHROOT --shell BUSYBOX --static QEMU-STATIC [--second-stage FIRST-STAGE-TREE] [--aims]
 *
 * CHROOT has /bin/sh, /bin/true and perl; FIRST-STAGE-TREE is what `debootstrap --foreign` made, and is copied. Needs
 * root. With --aims, exit status 1 if the first way is slower than the second, takes more than 1.3 times the third, or
 * if programs do not see their own argv[0] in the first or the third. Processor time is compared, because other running
 * programs disturb it less than wall time.
 */
import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {parseArgs} from 'node:util';
import {cli} from './helpers.js';

const {positionals, values} = parseArgs({
  allowPositionals: true,
  options: {
    shell: {type: 'string'},
    static: {type: 'string'},
    'second-stage': {type: 'string'},
    aims: {type: 'boolean', default: false},
    times: {type: 'string', default: '200'},
    rounds: {type: 'string', default: '5'},
    stages: {type: 'string', default: '3'},
  },
});
const [chroot] = positionals;
if (chroot === undefined || values.shell === undefined || values.static === undefined) {
  console.error(
    'usage: node bench/chroot.js CHROOT --shell BUSYBOX --static QEMU-STATIC [--second-stage TREE] [--aims]',
  );
  process.exit(2);
}

const prefix = '/opt/elfinterp-bench';
const ways = [
  {name: 'patched shared', install: []},
  {name: 'wrapper', install: ['--launcher', 'wrapper', '--shell', resolve(values.shell)]},
  {name: 'static', install: [resolve(values.static)]},
];

const execs = measureExecs(Number(values.rounds), Number(values.times));
print(`one exec of /bin/true (best of ${values.rounds} times ${values.times})`, execs, 'ms');
const stages = values['second-stage'] === undefined ? undefined : measureSecondStages(Number(values.stages));
if (stages !== undefined) print(`second stage (best of ${values.stages})`, stages, 's');
if (values.aims) checkAims();

/** The ways take turns, so that other load on the machine affects all of them alike. */
function measureExecs(rounds, times) {
  const results = ways.map(({name}) => ({name, wall: Infinity, cpu: Infinity}));
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, {install}] of ways.entries()) {
      elfinterp('install', chroot, ...install);
      keepBest(results[i], measureExec(times));
      results[i].argv0 = argv0();
      elfinterp('remove', chroot);
    }
  }
  return results;
}

/** Milliseconds for one exec: the shell inside starts /bin/true repeatedly; its own start is subtracted. */
function measureExec(times) {
  const loop = (n) => {
    const script = `i=0; while [ $i -lt ${n} ]; do /bin/true; i=$((i+1)); done; times`;
    const start = process.hrtime.bigint();
    const text = elfinterp('run', chroot, '--', '/bin/sh', '-c', script);
    return {wall: since(start), cpu: childrenTime(text)};
  };
  const [many, none] = [loop(times), loop(0)];
  return {wall: (1000 * (many.wall - none.wall)) / times, cpu: (1000 * (many.cpu - none.cpu)) / times};
}

/** Whether a program sees the name that it was started with. */
function argv0() {
  const script = 'exec {"/bin/sh"} "another", "-c", "echo \\$0"';
  return elfinterp('run', chroot, '--', 'perl', '-e', script).trim() === 'another' ? 'right' : 'wrong';
}

/** Take the best of several: other load on the machine costs more than the ways differ by. */
function measureSecondStages(rounds) {
  const results = ways.map(({name}) => ({name, wall: Infinity, cpu: Infinity}));
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, {install}] of ways.entries()) keepBest(results[i], measureSecondStage(install));
  }
  return results;
}

function keepBest(result, {wall, cpu}) {
  result.wall = Math.min(result.wall, wall);
  result.cpu = Math.min(result.cpu, cpu);
}

function measureSecondStage(install) {
  const copy = mkdtempSync(join(resolve(values['second-stage'], '..'), 'bench-'));
  try {
    execFileSync('cp', ['-a', `${values['second-stage']}/.`, copy]);
    elfinterp('install', copy, ...install);
    const stage = ['--env', 'container=lxc', '--', '/debootstrap/debootstrap', '--second-stage'];
    const command = [process.execPath, cli, 'chroot', 'run', copy, '--prefix', prefix, ...stage];
    const start = process.hrtime.bigint();
    const text = output('sh', ['-c', '"$@" >"$0/debootstrap.log" || exit; times', copy, ...command]);
    return {wall: since(start), cpu: childrenTime(text)};
  } finally {
    rmSync(copy, {recursive: true, force: true});
  }
}

function elfinterp(command, root, ...rest) {
  const end = rest.indexOf('--');
  const [options, guest] = end < 0 ? [rest, []] : [rest.slice(0, end), rest.slice(end)];
  return output(process.execPath, [cli, 'chroot', command, root, '--prefix', prefix, ...options, ...guest]);
}

function output(program, args) {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
}

function since(start) {
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** Seconds that a shell's children took, user and system, by the second line that `times` prints (POSIX). */
function childrenTime(text) {
  const [, children = ''] = text.trim().split('\n');
  const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60 + Number(s));
  return seconds.reduce((sum, part) => sum + part, 0);
}

function print(title, results, unit) {
  const [, , {cpu: ofStatic}] = results;
  console.log(`${title}: processor time, beside the static emulator; by the clock`);
  for (const {name, wall, cpu, argv0: seen} of results) {
    const ratio = `${(cpu / ofStatic).toFixed(2)}x`;
    const figures = `${cpu.toFixed(1)} ${unit}  ${ratio}  ${wall.toFixed(1)} ${unit}`;
    console.log(`  ${name.padEnd(16)}${figures}${seen === undefined ? '' : `  argv[0] ${seen}`}`);
  }
}

function checkAims() {
  const [shared, , fixed] = execs;
  const aims = [
    ...[execs, stages ?? []].flatMap((results, i) => {
      if (results.length === 0) return [];
      const what = ['exec', 'second stage'][i];
      const [first, second, third] = results.map(({cpu}) => cpu);
      return [
        [`${what}: not slower than the wrapper`, first <= second],
        [`${what}: within 1.3 times the static emulator`, first <= 1.3 * third],
      ];
    }),
    ['argv[0] is right', shared.argv0 === 'right' && fixed.argv0 === 'right'],
  ];
  for (const [aim, met] of aims) console.log(`${met ? 'met' : 'MISSED'}: ${aim}`);
  if (!aims.every(([, met]) => met)) process.exitCode = 1;
}
