/*
 * The resolver against the tools people use: libtree, lddtree (pax-utils), ldd, readelf, scanelf, patchelf.
 *
 *     npm run build && node bench/resolver.js [ROUNDS]
 *
 * The contenders of a table take turns, so a noisy moment hits all of them; each gets the median of its rounds, and
 * ratios are of medians of the same run. Tools that are not installed are left out and named. Caches are warm.
 *
 *   closure   every library of a program, found and explained; nothing is run except by ldd
 *   needed    DT_NEEDED of every ELF file under /usr/bin and /usr/lib
 *   bundle    qemu-arm with loader and libraries, copied to a new directory
 */
import {spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {findElfFiles, openElfSync, resolveTreeSync} from '../dist/index.js';

const rounds = Number(process.argv[2] ?? 15);
const work = mkdtempSync(join(tmpdir(), 'elfinterp-bench-'));
const cli = fileURLToPath(new URL('../bin/elfinterp.js', import.meta.url));
const elfinterp = [process.execPath, cli];
// A Debian package belongs to Debian's Python, and the first python3 on the PATH may be another one.
const lddtree = ['/usr/bin/python3', '/usr/bin/lddtree'];
const files = ['/usr/bin', '/usr/lib'].flatMap((directory) => [...findElfFiles(directory)]).filter(isDynamic);
const list = join(work, 'files');
writeFileSync(list, files.join('\0'));

try {
  console.log(`node ${process.version}, ${rounds} rounds, medians in milliseconds (fastest in brackets)\n`);
  for (const program of ['/usr/bin/ffmpeg', '/usr/bin/qemu-system-x86_64', '/usr/bin/qemu-arm']) {
    if (existsSync(program)) compareClosures(program);
  }
  compareNeeded();
  if (existsSync('/usr/bin/qemu-arm')) compareBundles('/usr/bin/qemu-arm');
} finally {
  rmSync(work, {recursive: true, force: true});
}

function compareClosures(program) {
  const {nodes} = resolveTreeSync(program);
  const options = {preloadFile: false};
  compare(`closure of ${program} (${nodes.length - 1} libraries)`, rounds, [
    ['elfinterp, in process', () => void resolveTreeSync(program, options)],
    ['elfinterp tree --list', command(...elfinterp, 'tree', '--list', program)],
    ['libtree -vv', command('libtree', '-vv', program)],
    ['lddtree -l', command(...lddtree, '-l', program)],
    ['ldd (runs the loader)', command('ldd', program)],
    ['node -e 0', command(process.execPath, '-e', '0')],
  ]);
}

function compareNeeded() {
  compare(`NEEDED of ${files.length} files under /usr/bin and /usr/lib`, Math.min(rounds, 7), [
    ['elfinterp needed -r -r', command(...elfinterp, 'needed', '-r', '/usr/bin', '-r', '/usr/lib')],
    ['elfinterp, in process', () => void files.forEach(neededOf)],
    ['readelf -d, by xargs', shell(`xargs -0 readelf -d < ${list} | grep NEEDED`, 'readelf')],
    [
      'find | xargs readelf -d',
      shell(`find /usr/bin /usr/lib -type f -print0 | xargs -0 readelf -d 2>&1 | grep NEEDED`, 'readelf'),
    ],
    ['scanelf -n, by xargs', shell(`xargs -0 scanelf -n < ${list}`, 'scanelf')],
    ['scanelf -Rn', command('scanelf', '-Rn', '/usr/bin', '/usr/lib')],
  ]);
  compare('the same, one process a file', 1, [
    ['elfinterp needed -r -r', command(...elfinterp, 'needed', '-r', '/usr/bin', '-r', '/usr/lib')],
    ['patchelf --print-needed', shell(`xargs -0 -n 1 patchelf --print-needed < ${list}`, 'patchelf')],
  ]);
}

function compareBundles(program) {
  let made = 0;
  const fresh = () => join(work, `bundle-${++made}`);
  compare(`bundle of ${program}`, Math.min(rounds, 9), [
    ['elfinterp bundle', () => run([...elfinterp, 'bundle', program, '--into', fresh()])],
    ['lddtree --copy-to-tree', () => run([...lddtree, '--copy-to-tree', fresh(), program])],
  ]);
}

/** Let contenders take turns, and print each one's median and how the first compares. */
function compare(title, count, contenders) {
  const present = contenders.filter(([, work]) => work !== undefined);
  const times = present.map(() => []);
  for (let round = -1; round < count; round++) {
    for (const [i, [, work]] of present.entries()) {
      const start = performance.now();
      work();
      // The first round warms caches and compilers.
      if (round >= 0 || count === 1) times[i].push(performance.now() - start);
    }
  }
  console.log(title);
  const medians = times.map((list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)]);
  for (const [i, [name]] of present.entries()) {
    const ratio = (medians[i] / medians[0]).toFixed(2);
    console.log(
      `  ${name.padEnd(26)} ${medians[i].toFixed(1).padStart(9)} (${times[i][0].toFixed(1)})`.padEnd(56) +
        `${ratio.padStart(7)} x ${present[0][0]}`,
    );
  }
  const absent = contenders.filter(([, work]) => work === undefined).map(([name]) => name);
  if (absent.length > 0) console.log(`  not installed: ${absent.join(', ')}`);
  console.log('');
}

function command(name, ...args) {
  if (!name.startsWith('/') && !isInstalled(name)) return undefined;
  return name.startsWith('/') && !existsSync(args[0] ?? name) ? undefined : () => run([name, ...args]);
}

function shell(line, tool) {
  return isInstalled(tool) ? () => run(['/bin/sh', '-c', line]) : undefined;
}

function isInstalled(name) {
  return spawnSync('/bin/sh', ['-c', `command -v ${name}`]).status === 0;
}

function run([name, ...args]) {
  const {error} = spawnSync(name, args, {stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 28});
  if (error !== undefined) throw error;
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
