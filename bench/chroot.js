/*
 * What each way to start an emulator in a chroot costs: the time of one exec of /bin/true in it, and on request of
 * debootstrap's second stage. The three ways: the shared emulator with PT_INTERP rewritten, the same one behind a
 * wrapper script for a static shell, and the static emulator.
 *
 *   node bench/chroot.js CHROOT --shell BUSYBOX --static QEMU-STATIC [--second-stage FIRST-STAGE-TREE]
 *
 * CHROOT has a /bin/sh and a /bin/true; FIRST-STAGE-TREE is what `debootstrap --foreign` made, and is copied. Root.
 */
import {execFileSync, spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';

const cli = fileURLToPath(new URL('../bin/elfinterp.js', import.meta.url));
const {positionals, values} = parseArgs({
  allowPositionals: true,
  options: {
    shell: {type: 'string'},
    static: {type: 'string'},
    'second-stage': {type: 'string'},
    times: {type: 'string', default: '200'},
    rounds: {type: 'string', default: '5'},
  },
});
const [chroot] = positionals;
if (chroot === undefined || values.shell === undefined || values.static === undefined) {
  console.error(
    'usage: node bench/chroot.js CHROOT --shell BUSYBOX --static QEMU-STATIC [--second-stage TREE]',
  );
  process.exit(2);
}

const prefix = '/opt/elfinterp-bench';
const ways = [
  ['patched shared', []],
  ['wrapper', ['--launcher', 'wrapper', '--shell', resolve(values.shell)]],
  ['static', [resolve(values.static)]],
];

const times = Number(values.times);
const results = new Map(ways.map(([name]) => [name, {exec: [], cpu: [], argv0: ''}]));
// In turns, so that what else the machine does hits all of them alike.
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const [name, args] of ways) {
    install(chroot, args);
    const result = results.get(name);
    const {wall, cpu} = measureExec(chroot);
    result.exec.push(wall);
    result.cpu.push(cpu);
    result.argv0 = argv0(chroot);
    elfinterp(['chroot', 'remove', chroot, '--prefix', prefix]);
  }
}
for (const [name, {exec, cpu, argv0: seen}] of results) {
  const [wall, processor] = [exec, cpu].map((list) => `${Math.min(...list).toFixed(1)} ms`);
  const what = `${wall} an exec of /bin/true, ${processor} of it processor time (best of ${exec.length})`;
  console.log(`${name.padEnd(16)} ${what}; argv[0] ${seen}`);
}
if (values['second-stage'] !== undefined) {
  for (const [name, args] of ways)
    console.log(`${name.padEnd(16)} ${measureSecondStage(args)} s second stage`);
}

function elfinterp(args, options = {}) {
  return execFileSync(process.execPath, [cli, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
}

function install(root, args) {
  elfinterp(['chroot', 'install', root, '--prefix', prefix, ...args]);
}

/**
 * Milliseconds of one exec: the shell inside starts /bin/true again and again; its own start is taken off. The
 * processor time is what the shell's children took (times, POSIX), on the second line that it prints.
 */
function measureExec(root) {
  const loop = (n) => {
    const script = `i=0; while [ $i -lt ${n} ]; do /bin/true; i=$((i+1)); done; times`;
    const start = process.hrtime.bigint();
    const text = elfinterp(['chroot', 'run', root, '--prefix', prefix, '--', '/bin/sh', '-c', script]);
    const wall = Number(process.hrtime.bigint() - start) / 1e6;
    const [, children = ''] = text.trim().split('\n');
    const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60 + Number(s));
    return {wall, cpu: 1000 * seconds.reduce((sum, part) => sum + part, 0)};
  };
  const [many, none] = [loop(times), loop(0)];
  return {wall: (many.wall - none.wall) / times, cpu: (many.cpu - none.cpu) / times};
}

/** Whether a program sees the name that it was started with. */
function argv0(root) {
  const script = 'exec perl -e \'exec {"/bin/sh"} "another", "-c", "echo \\$0"\'';
  const {stdout} = spawnSync(process.execPath, [
    cli,
    'chroot',
    'run',
    root,
    '--prefix',
    prefix,
    '--',
    '/bin/sh',
    '-c',
    script,
  ]);
  return stdout.toString().trim() === 'another' ? 'right' : `wrong (${stdout.toString().trim()})`;
}

function measureSecondStage(args) {
  const copy = mkdtempSync(join(resolve(values['second-stage'], '..'), 'bench-'));
  try {
    execFileSync('cp', ['-a', `${values['second-stage']}/.`, copy]);
    rmSync(join(copy, 'debootstrap/qemu-libs'), {recursive: true, force: true});
    install(copy, args);
    const start = process.hrtime.bigint();
    const command = ['/debootstrap/debootstrap', '--second-stage'];
    elfinterp(['chroot', 'run', copy, '--prefix', prefix, '--env', 'container=lxc', '--', ...command], {
      maxBuffer: 1 << 28,
    });
    return Math.round(Number(process.hrtime.bigint() - start) / 1e9);
  } finally {
    rmSync(copy, {recursive: true, force: true});
  }
}
