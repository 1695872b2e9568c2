/*
 * Compare edits with patchelf's: bytes changed, growth, wall time, peak memory, on the same copies in one run.
 *
 * `npm run bench:edit [-- FILE...]` needs patchelf, gcc, GNU time and 4 GB of disk; FILE is another program to edit, and
 * to check. Times are medians of alternating runs; the ratio is taken pair by pair, so a machine that slows down slows
 * both. The floor of many files is a script of a few lines that replaces each with a copy, as an edit does, and makes
 * only the system calls for that: patchelf writes into the file, and does not wait for the disk.
 */
import {spawnSync} from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {basename, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {cli, median, workDirectory} from './helpers.js';

/** Other programs to edit, and to check. */
const more = process.argv.slice(2);
const root = fileURLToPath(new URL('..', import.meta.url));
const work = workDirectory(process.env.ELFINTERP_BENCH_DIR);

const interpreter = '/debootstrap/qemu-libs/ld.so';
const path = '/debootstrap/qemu-libs:/opt/lib';
const ours = (args) => [process.execPath, cli, ...args];
const edits = {
  set: {
    elfinterp: (file) => ours(['set', file, interpreter]),
    'elfinterp --in-place': (file) => ours(['set', '--in-place', file, interpreter]),
    patchelf: (file) => ['patchelf', '--set-interpreter', interpreter, file],
  },
  'set rpath': {
    elfinterp: (file) => ours(['edit', '--rpath', path, file]),
    'elfinterp --in-place': (file) => ours(['edit', '--in-place', '--rpath', path, file]),
    patchelf: (file) => ['patchelf', '--force-rpath', '--set-rpath', path, file],
  },
};

console.log(`| file | edit | tool | bytes changed | growth | ms (median) | ratio to patchelf | peak MB |`);
console.log(`|---|---|---|--:|--:|--:|--:|--:|`);
for (const [name, file, rounds] of inputs())
  for (const edit of Object.keys(edits)) compare(name, file, edit, rounds);
for (const file of more) measureCheck(file);
compareMany(500, 3);
compareMany(20_000, 1);

function inputs() {
  const list = [['small program', join(root, 'test-binaries/x86_64/probe-pie'), 9]];
  if (existsSync('/usr/bin/qemu-arm')) list.push(['qemu-arm', '/usr/bin/qemu-arm', 9]);
  list.push([`node (${Math.round(statSync(process.execPath).size / 1e6)} MB)`, process.execPath, 5]);
  for (const file of more)
    list.push([`${basename(file)} (${Math.round(statSync(file).size / 1e6)} MB)`, file, 3]);
  list.push(['1 GB program', largeProgram(), 3]);
  return list;
}

/** A program with a gigabyte of data that the loader maps. */
function largeProgram() {
  const file = join(work, 'large');
  writeFileSync(
    `${file}.s`,
    '.data\n.globl big\nbig: .byte 1\n.zero 1073741823\n.text\n.globl main\nmain: xor %eax, %eax\n ret\n.section .note.GNU-stack\n',
  );
  must(['gcc', '-o', file, `${file}.s`]);
  return file;
}

function compare(name, file, edit, rounds) {
  const tools = Object.entries(edits[edit]);
  const times = Object.fromEntries(tools.map(([tool]) => [tool, []]));
  const facts = {};
  for (let round = 0; round < rounds; round++) {
    for (const [tool, command] of tools) {
      const copy = join(work, 'copy');
      copyFileSync(file, copy);
      spawnSync('sync', ['-f', copy]);
      const {ms, megabytes} = timed(command(copy));
      times[tool].push(ms);
      facts[tool] ??= {...difference(file, copy), megabytes};
      rmSync(copy);
    }
  }
  for (const [tool] of tools) {
    const ratios = times[tool].map((ms, i) => times.patchelf[i] / ms);
    const {changed, growth, megabytes} = facts[tool];
    const faster = tool === 'patchelf' ? '1' : `${median(ratios).toFixed(2)}x as fast`;
    console.log(
      `| ${name} | ${edit} | ${tool} | ${changed} | ${growth} | ${median(times[tool]).toFixed(0)} | ${faster} | ${megabytes} |`,
    );
  }
}

/** A full check of a large file; no other tool has one to compare with. */
function measureCheck(file) {
  const {ms, cpu, megabytes} = timed(ours(['check', file]));
  console.log(`\ncheck ${file}: ${ms.toFixed(0)} ms, ${cpu.toFixed(0)} ms CPU, peak ${megabytes} MB`);
}

/** Many files in one call, and one process per file. */
function compareMany(count, rounds) {
  const results = Array.from({length: rounds}, () => {
    const one = timed(ours(['edit', '--rpath', path, '--files-from', listOf(copies('one', count))]));
    const script = 'while read f; do patchelf --force-rpath --set-rpath "$0" "$f"; done < "$1"';
    const loop = timed(['sh', '-c', script, path, listOf(copies('loop', count))]);
    const floor = timed([process.execPath, floorScript(), listOf(copies('floor', count))]);
    for (const tool of ['one', 'loop', 'floor']) rmSync(join(work, tool), {recursive: true});
    return {one, loop, floor};
  });
  const of = (tool, what) => median(results.map((result) => result[tool][what]));
  const ratio = median(results.map(({one, loop}) => loop.ms / one.ms));
  console.log(
    `\n${count} small files, set rpath: one elfinterp call ${of('one', 'ms').toFixed(0)} ms, ` +
      `${(of('one', 'cpu') / count).toFixed(2)} ms CPU a file, peak ${of('one', 'megabytes')} MB; ` +
      `patchelf in a loop ${of('loop', 'ms').toFixed(0)} ms: ${ratio.toFixed(2)}x as fast; ` +
      `floor ${of('floor', 'ms').toFixed(0)} ms, ${(of('floor', 'cpu') / count).toFixed(2)} ms CPU a file`,
  );
}

/** Replaces each file of a list, as many at a time as elfinterp does. */
function floorScript() {
  const script = join(work, 'floor.cjs');
  writeFileSync(
    script,
    `process.env.UV_THREADPOOL_SIZE = '32';
    const fs = require('node:fs');
    const {basename, join} = require('node:path');
    const {promisify} = require('node:util');
    const {spawnSync} = require('node:child_process');
    const fsync = promisify(fs.fsync);
    const files = fs.readFileSync(process.argv[2], 'utf8').trim().split('\\n');
    const directory = fs.mkdtempSync(join(files[0], '../.floor-'));
    const at = (file) => join(directory, basename(file));
    (async () => {
      for (let start = 0; start < files.length; start += 128) {
        const lot = files.slice(start, start + 128);
        const fds = lot.map((file) => {
          const fd = fs.openSync(at(file), 'wx', 0o755);
          fs.writeSync(fd, fs.readFileSync(file));
          return fd;
        });
        spawnSync('cp', ['--attributes-only', '--preserve=all', '-t', directory, ...lot]);
        await Promise.all(fds.map((fd) => fsync(fd)));
        for (const fd of fds) fs.closeSync(fd);
        for (const file of lot) fs.renameSync(at(file), file);
      }
      fs.rmdirSync(directory);
    })();`,
  );
  return script;
}

function copies(name, count) {
  const directory = join(work, name);
  mkdirSync(directory);
  return Array.from({length: count}, (_, i) => {
    const copy = join(directory, `f${i}`);
    copyFileSync(join(root, 'test-binaries/x86_64/probe-pie'), copy);
    return copy;
  });
}

function listOf(files) {
  const list = join(work, 'list');
  writeFileSync(list, `${files.join('\n')}\n`);
  return list;
}

/** Wall and CPU time in milliseconds, and peak memory. */
function timed(command) {
  const start = performance.now();
  const {stderr, status} = spawnSync('/usr/bin/time', ['-f', 'used %U %S %M', ...command], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const ms = performance.now() - start;
  if (status !== 0) throw new Error(`${command.slice(0, 4).join(' ')}: ${stderr}`);
  const [, user, system, peak] = /used (\S+) (\S+) (\d+)/.exec(stderr) ?? [];
  return {ms, cpu: (Number(user) + Number(system)) * 1000, megabytes: Math.round(Number(peak) / 1024)};
}

function must(command) {
  const {status, stderr} = spawnSync(command[0], command.slice(1), {encoding: 'utf8'});
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
}

/** How many bytes differ, including those past the shorter file's end, and how much longer the file became. */
function difference(before, after) {
  const [a, b] = [before, after].map((file) => openSync(file, 'r'));
  const [pieceA, pieceB] = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)];
  let changed = 0;
  for (let at = 0; ; at += pieceA.length) {
    const [countA, countB] = [
      readSync(a, pieceA, 0, pieceA.length, at),
      readSync(b, pieceB, 0, pieceB.length, at),
    ];
    if (countA === 0 && countB === 0) break;
    const common = Math.min(countA, countB);
    if (!pieceA.subarray(0, common).equals(pieceB.subarray(0, common))) {
      for (let i = 0; i < common; i++) if (pieceA[i] !== pieceB[i]) changed += 1;
    }
    changed += Math.abs(countA - countB);
  }
  closeSync(a);
  closeSync(b);
  return {changed, growth: statSync(after).size - statSync(before).size};
}
