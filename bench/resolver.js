/*
 * The resolver against the tools people use: libtree, lddtree (pax-utils), ldd, readelf, scanelf, patchelf.
 *
 *     npm run build && node bench/resolver.js [ROUNDS]
 *
 * The contenders of a table take turns, so a noisy moment hits all of them; each result is the median of the rounds,
 * for wall time and for CPU time (user and system, all processes and threads of a command), which a busy machine
 * disturbs less. Ratios are of medians of the same run. Tools that are not installed are left out and named. Caches are
 * warm, and code that runs in process has run before.
 *
 *   closure   every library of a program, found and explained; nothing is run except by ldd
 *   needed    DT_NEEDED of every ELF file under /usr/bin and /usr/lib
 *   bundle    qemu-arm with loader and libraries, copied to a new directory
 */
import {spawnSync} from 'node:child_process';
import {existsSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {findElfFiles, openElfSync, resolveTreeSync} from '../dist/index.js';
import {cli, median, workDirectory} from './helpers.js';

const rounds = Number(process.argv[2] ?? 15);
const work = workDirectory();
const elfinterp = `${process.execPath} ${cli}`;
// Debian's lddtree needs Debian's Python; the first python3 on the PATH may be another.
const lddtree = '/usr/bin/python3 /usr/bin/lddtree';
const files = ['/usr/bin', '/usr/lib'].flatMap((directory) => [...findElfFiles(directory)]).filter(isDynamic);
const list = join(work, 'files');
writeFileSync(list, files.join('\0'));

console.log(`node ${process.version}, ${rounds} rounds, medians in milliseconds\n`);
for (const program of ['/usr/bin/ffmpeg', '/usr/bin/qemu-system-x86_64', '/usr/bin/qemu-arm']) {
  if (existsSync(program)) compareClosures(program);
}
compareNeeded();
if (existsSync('/usr/bin/qemu-arm')) compareBundles('/usr/bin/qemu-arm');

function compareClosures(program) {
  const {nodes} = resolveTreeSync(program);
  const inProcess = () => void resolveTreeSync(program, {preloadFile: false});
  for (let i = 0; i < 20; i++) inProcess();
  compare(`closure of ${program} (${nodes.length - 1} libraries)`, rounds, [
    ['elfinterp, in process', inProcess],
    ['elfinterp tree --list', `${elfinterp} tree --list ${program}`],
    ['libtree -vv', `libtree -vv ${program}`],
    ['lddtree -l', `${lddtree} -l ${program}`],
    ['ldd (runs the loader)', `ldd ${program}`],
    ['node -e 0', `${process.execPath} -e 0`],
  ]);
}

function compareNeeded() {
  const inProcess = () => void files.forEach(neededOf);
  inProcess();
  compare(`NEEDED of ${files.length} files under /usr/bin and /usr/lib, named`, Math.min(rounds, 7), [
    ['elfinterp needed FILE...', `xargs -0 -s 2000000 ${elfinterp} needed < ${list}`],
    ['elfinterp, in process', inProcess],
    ['readelf -d', `xargs -0 -s 2000000 readelf -d < ${list} | grep NEEDED`],
    ['scanelf -n', `xargs -0 -s 2000000 scanelf -n < ${list}`],
  ]);
  compare('the same, found by walking the directories', Math.min(rounds, 5), [
    ['elfinterp needed -r -r', `${elfinterp} needed -r /usr/bin -r /usr/lib`],
    ['find | xargs readelf -d', 'find /usr/bin /usr/lib -type f -print0 | xargs -0 readelf -d | grep NEEDED'],
    ['scanelf -Rn', 'scanelf -Rn /usr/bin /usr/lib'],
  ]);
  compare('the same, named, one process a file', 1, [
    ['elfinterp needed FILE...', `xargs -0 -s 2000000 ${elfinterp} needed < ${list}`],
    ['patchelf --print-needed', `xargs -0 -n 1 patchelf --print-needed < ${list}`],
  ]);
}

function compareBundles(program) {
  let made = 0;
  const fresh = () => join(work, `bundle-${++made}`);
  compare(`bundle of ${program}`, Math.min(rounds, 9), [
    ['elfinterp bundle', () => `${elfinterp} bundle ${program} --into ${fresh()}`],
    ['lddtree --copy-to-tree', () => `${lddtree} --copy-to-tree ${fresh()} ${program}`],
  ]);
}

/** Let contenders take turns, and print each one's median and how it compares with the first. */
function compare(title, count, contenders) {
  const present = contenders.filter(([, work]) => isInstalled(work));
  const times = present.map(() => []);
  for (let round = count === 1 ? 0 : -1; round < count; round++) {
    for (const [i, [, work]] of present.entries()) {
      const time = measure(work);
      if (round >= 0) times[i].push(time);
    }
  }
  const medians = times.map((list) => ({
    wall: median(list.map(({wall}) => wall)),
    cpu: median(list.map(({cpu}) => cpu)),
  }));
  console.log(`${title.padEnd(62)}     clock   ratio       CPU   ratio`);
  for (const [i, [name]] of present.entries()) {
    const cells = ['wall', 'cpu'].map((kind) => {
      const [own, first] = [medians[i][kind], medians[0][kind]];
      return `${own.toFixed(1).padStart(10)} ${(own / first).toFixed(2).padStart(7)}`;
    });
    console.log(`  ${name.padEnd(59)}${cells.join('')}`);
  }
  const absent = contenders.filter((contender) => !present.includes(contender)).map(([name]) => name);
  if (absent.length > 0) console.log(`  not installed: ${absent.join(', ')}`);
  console.log('');
}

/** Measure a function, a command line, or a command line that a function returns, in milliseconds. */
function measure(work) {
  const line = typeof work === 'function' ? undefined : work;
  const used = process.cpuUsage();
  const start = performance.now();
  const made = line ?? work();
  if (typeof made === 'string') return measureCommand(made);
  const {user, system} = process.cpuUsage(used);
  return {wall: performance.now() - start, cpu: (user + system) / 1000};
}

function measureCommand(line) {
  const script = `TIMEFORMAT='%R %U %S'; time { ${line}; } > /dev/null 2>&1`;
  const {stderr, error} = spawnSync('/bin/bash', ['-c', script], {encoding: 'utf8'});
  if (error !== undefined) throw error;
  const [real, user, system] = stderr.trim().split(' ').map(Number);
  return {wall: real * 1000, cpu: (user + system) * 1000};
}

function isInstalled(work) {
  if (typeof work === 'function') return true;
  const words = work.split(' ').filter((word) => !/^-|^xargs$|^\d+$/.test(word));
  return words[0] === lddtree.split(' ')[0] ? existsSync('/usr/bin/lddtree') : isCommand(words[0]);
}

function isCommand(name) {
  return spawnSync('/bin/sh', ['-c', `command -v ${name}`]).status === 0;
}

function isDynamic(path) {
  try {
    return use(path, ({view}) => view.header.e_type === 2 || view.header.e_type === 3);
  } catch {
    return false;
  }
}

function neededOf(path) {
  try {
    use(path, ({view}) => view.dynamic?.needed);
  } catch {
    // A damaged file has none.
  }
}

function use(path, work) {
  const file = openElfSync(path);
  try {
    return work(file);
  } finally {
    void file.close();
  }
}
