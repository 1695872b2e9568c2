/*
 * Edit a copy of every ELF file of this machine: a 300-byte runpath, and a longer interpreter or soname where there is
 * one. Installed files are not touched. Each result is compared with the original by checkElf and by eu-elflint;
 * refused edits are counted by reason.
 *
 *     npm run sweep                     /usr/bin and /usr/lib
 *     npm run sweep -- DIRECTORY...     others
 */
import {spawnSync} from 'node:child_process';
import {copyFileSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {applyPlanSync, checkElf, ElfError, findElfFiles, openElfSync, planEdit} from '../dist/index.js';

/** eu-elflint takes minutes for a few files with very many symbols. */
const lintTimeout = 20_000;

/**
 * eu-elflint adds the size of the symbol to the address that a relocation writes to, so an eight-byte slot seems to
 * reach into a read-only LOAD after the data if the function is large enough (check_one_reloc).
 */
const misread = /relocation \d+: read-only section modified but text relocation flag not set/;

const directories = process.argv.length > 2 ? process.argv.slice(2) : ['/usr/bin', '/usr/lib'];
const scratch = mkdtempSync(join(tmpdir(), 'elfinterp-sweep-'));
const copy = join(scratch, 'copy');
const counts = new Map();
const failures = [];
let linted = 0;

try {
  for (const directory of directories) for (const file of findElfFiles(directory)) sweep(file);
} finally {
  rmSync(scratch, {recursive: true});
}
print();
process.exitCode = failures.length > 0 ? 1 : 0;

function sweep(file) {
  copyFileSync(file, copy);
  let plan;
  let known;
  try {
    const elf = openElfSync(copy);
    try {
      known = new Set(checkElf(elf.view).map(({code}) => code));
      // An empty request checks whether the file can be edited at all, before anything is read from it.
      planEdit(elf.view, {});
      plan = planEdit(elf.view, requestFor(elf.view));
    } finally {
      elf.close();
    }
    applyPlanSync(copy, plan);
  } catch (error) {
    if (!(error instanceof ElfError)) failures.push(`${file}: ${error.stack}`);
    else if (error.code === 'CHECK_FAILED') failures.push(`${file}: ${error.message}`);
    else count(`refused: ${error.code}: ${reasonOf(error)}`, file);
    return;
  }
  const rows = [
    `placement ${plan.placement}`,
    ...plan.notes.map((note) => `note: ${note.replaceAll(/\d+/g, 'N')}`),
  ];
  for (const row of rows) count(row, file);
  checkResult(file, known);
}

function requestFor({interpreter, dynamic}) {
  const soname = dynamic?.soname;
  return {
    runpath: `/opt/${'r'.repeat(295)}`,
    ...(interpreter === undefined ? {} : {interpreter: `/opt/${'i'.repeat(100)}${interpreter.path}`}),
    ...(soname === undefined ? {} : {soname: `${soname}.${'s'.repeat(50)}`}),
  };
}

/** Without the path, which comes first, and the details, which come last. */
function reasonOf({message}) {
  return message
    .slice(message.indexOf(': ') + 2)
    .replace(/ \((at offset|expected|got).*/, '')
    .replaceAll(/\d+/g, 'N');
}

function checkResult(file, known) {
  const elf = openElfSync(copy);
  const problem = checkElf(elf.view).find(({code}) => !known.has(code));
  elf.close();
  if (problem !== undefined) failures.push(`${file}: ${problem.message}`);
  const [before, after] = [lint(file), lint(copy)];
  if (before === undefined || after === undefined) return count('eu-elflint took too long', file);
  linted += 1;
  const complaints = new Set(before);
  const fresh = after.filter((complaint) => !complaints.has(complaint));
  if (fresh.some((complaint) => misread.test(complaint)))
    count('eu-elflint took a function for part of its slot', file);
  for (const complaint of fresh)
    if (!misread.test(complaint)) failures.push(`${file}: eu-elflint: ${complaint}`);
}

/** eu-elflint's complaints without segment numbers; undefined if it takes too long. */
function lint(file) {
  const {stdout, error} = spawnSync('eu-elflint', ['--gnu-ld', file], {
    encoding: 'utf8',
    timeout: lintTimeout,
    maxBuffer: 2 ** 30,
    env: {...process.env, LC_ALL: 'C'},
  });
  if (error !== undefined) return undefined;
  const lines = stdout.split('\n').filter((line) => line !== '' && line !== 'No errors');
  return lines.map((line) => line.replace(/program header entry \d+|phdr\[\d+\]|entry \d+/g, 'entry'));
}

function count(row, file) {
  const files = counts.get(row) ?? [];
  files.push(file);
  counts.set(row, files);
}

function print() {
  for (const [row, files] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    console.log(
      `${String(files.length).padStart(6)}  ${row}${files.length <= 3 ? `  [${files.join(' ')}]` : ''}`,
    );
  }
  console.log(`${String(linted).padStart(6)}  compared by eu-elflint`);
  console.log(`${String(failures.length).padStart(6)}  failures`);
  for (const failure of failures) console.log(`        ${failure}`);
}
