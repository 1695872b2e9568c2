/*
 * Measure how large a file becomes when it is edited repeatedly. 200 edits change the interpreter and the search path
 * in turn, to lengths that grow and shrink; patchelf makes the same edits to another copy. Prints the table in
 * docs/editing.md.
 *
 *     npm run growth                    four of the test programs
 *     npm run growth -- FILE...         others
 */
import {spawnSync} from 'node:child_process';
import {copyFileSync, mkdtempSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, relative} from 'node:path';
import {fileURLToPath} from 'node:url';
import {applyPlanSync, openElfSync, planEdit} from '../dist/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const usual = ['probe-pie', 'probe-exec', 'probe-lld-pie', 'probe-mold-exec'];
const files =
  process.argv.length > 2
    ? process.argv.slice(2)
    : usual.map((name) => join(root, 'test-binaries/x86_64', name));
const edits = 200;
const shown = [1, 10, 25, 50, 100, 150, 200];

const version = spawnSync('patchelf', ['--version'], {encoding: 'utf8'}).stdout.trim();
console.log(`| file | by | before | ${shown.map((n) => `after ${n}`).join(' | ')} |`);
console.log(`|---|---|--:|${shown.map(() => '--:').join('|')}|`);
const scratch = mkdtempSync(join(tmpdir(), 'elfinterp-growth-'));
try {
  for (const file of files) {
    printRow(file, 'elfinterp', edit);
    printRow(file, version, patchelf);
  }
} finally {
  rmSync(scratch, {recursive: true});
}

function printRow(file, tool, change) {
  const copy = join(scratch, 'copy');
  copyFileSync(file, copy);
  const cells = new Map();
  for (let i = 1; i <= edits; i++) {
    const length = 20 + (((i - 1) * 37) % 400);
    const request =
      i % 2 === 1 ? {interpreter: `/opt/${'l'.repeat(length)}`} : {rpath: `/opt/${'r'.repeat(length)}`};
    const error = change(copy, request);
    cells.set(i, statSync(copy).size.toLocaleString('en'));
    if (error === undefined) continue;
    for (const n of shown) if (n >= i) cells.set(n, `fails at ${i}`);
    break;
  }
  const before = statSync(file).size.toLocaleString('en');
  console.log(
    `| ${relative(root, file)} | ${tool} | ${before} | ${shown.map((n) => cells.get(n)).join(' | ')} |`,
  );
}

function edit(file, request) {
  const elf = openElfSync(file);
  try {
    applyPlanSync(file, planEdit(elf.view, request));
  } finally {
    elf.close();
  }
}

function patchelf(file, {interpreter, rpath}) {
  const args =
    interpreter === undefined ? ['--force-rpath', '--set-rpath', rpath] : ['--set-interpreter', interpreter];
  const {status, signal, stderr} = spawnSync('patchelf', [...args, file], {encoding: 'utf8'});
  return status === 0 ? undefined : (signal ?? stderr.trim());
}
