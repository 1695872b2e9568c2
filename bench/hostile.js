/*
 * Measure the cost of a file that needs many libraries, none of them present, and names as many directories to search:
 * the cost must not grow with the product of the two. Prints for each command the time, its CPU time, its peak memory
 * and the size of its output.
 *
 *     npm run bench:hostile              25,000 libraries in 25,000 directories: 1.6 MB
 *     npm run bench:hostile -- 50000     another number
 */
import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import {growLibrary} from '../build/test/fuzz/grown.js';
import {cli, workDirectory} from './helpers.js';

const count = Number(process.argv[2] ?? 25_000);
const work = workDirectory();
const file = join(work, 'hostile');
const root = join(work, 'root');

writeFileSync(file, growLibrary({needed: count, directories: count}));
chmodSync(file, 0o755);
for (const place of ['bin/sh', 'usr/bin/env', 'usr/bin/qemu-arm', 'debootstrap/qemu-arm']) {
  mkdirSync(dirname(join(root, place)), {recursive: true});
  cpSync(file, join(root, place));
}
const packed = join(work, 'package');
mkdirSync(packed);
cpSync(file, join(packed, 'hostile.node'));
writeFileSync(join(packed, 'package.json'), '{"name": "hostile", "version": "1.0.0"}');

/** Imported into the measured process; prints its resource usage at exit. */
const meter = `data:text/javascript,import {writeSync} from 'node:fs';
process.on('exit', () => writeSync(3, JSON.stringify(process.resourceUsage())));`;

const commands = [
  ['get', file],
  ['needed', file],
  ['show', file],
  ['check', file],
  ...['text', 'list', 'json', 'dot', 'svg', 'mermaid'].map((format) => ['tree', '--format', format, file]),
  ['edit', '--shrink-rpath', '--dry-run', file],
  ['edit', '--remove-needed', 'libn7.so', '--dry-run', file],
  ['bundle', file, '--into', join(work, 'into')],
  ['bundle', '--relocatable', file, '--into', join(work, 'relocatable')],
  ['pack', file, join(work, 'one')],
  ['chroot', 'install', root, join(root, 'usr/bin/qemu-arm')],
  ['doctor', root],
  ['audit', packed],
  ['repair', packed, '--into', join(work, 'repaired')],
];

console.log(
  `${count.toLocaleString('en')} libraries, ${count.toLocaleString('en')} directories, ${statSync(file).size.toLocaleString('en')} bytes, Node ${process.version}\n`,
);
console.log('| command | time | CPU time | peak memory | output |\n|---|--:|--:|--:|--:|');
for (const args of commands) console.log(measure(args));

function measure(args) {
  const output = join(work, 'output');
  const fd = openSync(output, 'w');
  const usage = openSync(join(work, 'usage'), 'w');
  const start = performance.now();
  const {signal} = spawnSync(process.execPath, ['--import', meter, cli, ...args], {
    stdio: ['ignore', fd, fd, usage],
  });
  const time = ((performance.now() - start) / 1000).toFixed(2);
  for (const open of [fd, usage]) closeSync(open);
  const size = statSync(output).size;
  rmSync(output);
  const name = args
    .map((arg) => arg.replace(work, ''))
    .filter((arg) => !arg.startsWith('/'))
    .join(' ');
  const text = readFileSync(join(work, 'usage'), 'utf8');
  if (text === '') return `| \`${name}\` | ended by ${signal} | | | |`;
  const {userCPUTime, systemCPUTime, maxRSS} = JSON.parse(text);
  const seconds = ((userCPUTime + systemCPUTime) / 1e6).toFixed(2);
  return `| \`${name}\` | ${time} s | ${seconds} s | ${Math.round(maxRSS / 1024)} MiB | ${(size / 1e6).toFixed(2)} MB |`;
}
