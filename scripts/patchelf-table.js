/*
 * Compare elfinterp-patchelf with releases of patchelf, on every command line of the list in test/helpers/patchelf.ts.
 * Prints each result that differs from the list, and exits with 1 if there is any.
 *
 *     npm run acceptance:patchelf                  Debian 12's and 13's, fetched and packed
 *     npm run acceptance:patchelf -- PROGRAM...    others
 *     npm run acceptance:patchelf -- --write       and write the table of docs/patchelf.md
 */
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {unpackDebian} from '../build/test/helpers/debian.js';
import {
  comparisons,
  expected,
  isSame,
  ourAnswer,
  theirAnswer,
  versionOf,
} from '../build/test/helpers/patchelf.js';

const isWriting = process.argv.includes('--write');
const given = process.argv.slice(2).filter((word) => word !== '--write');
const scratch = mkdtempSync(join(tmpdir(), 'elfinterp-patchelf-'));
const unexpected = [];
let rows;
let versions;

try {
  const programs = given.length > 0 ? given : ['bookworm', 'trixie'].map(fetchPatchelf);
  versions = programs.map(versionOf);
  rows = comparisons.map((comparison) => rowOf(comparison, programs));
} finally {
  rmSync(scratch, {recursive: true});
}
for (const line of unexpected) console.log(line);
const count = `${comparisons.length} command lines, patchelf ${versions.join(' and ')}`;
console.log(
  `${count}: ${unexpected.length === 0 ? 'as expected' : `${unexpected.length} unexpected answers`}`,
);
process.exitCode = unexpected.length > 0 ? 1 : 0;
if (isWriting && unexpected.length === 0) writePage();

/** Fetch a release's patchelf, and pack it with its libraries. */
function fetchPatchelf(release) {
  const [root, program] = [join(scratch, release), join(scratch, `patchelf-${release}`)];
  // base-files has the links to /usr/lib, where Debian 13 keeps its loader.
  unpackDebian(release, ['patchelf', 'base-files'], root);
  const pack = ['bin/elfinterp.js', 'pack', '--root', root, '/usr/bin/patchelf', program];
  execFileSync(process.execPath, pack, {stdio: ['ignore', 'ignore', 'inherit']});
  return program;
}

function rowOf(comparison, programs) {
  const command = comparison.args.map((word) => (word === '' ? "''" : word)).join(' ');
  const ours = ourAnswer(comparison);
  const verdicts = programs.map((program, i) => {
    const verdict = expected(comparison, versions[i]);
    if (verdict === 'lacks') return 'no such option';
    const theirs = theirAnswer(comparison, program);
    if (isSame(theirs, ours) !== (verdict === 'same'))
      unexpected.push(
        `${comparison.fixture} ${command}: ${verdict} expected`,
        `  patchelf ${versions[i]}: ${JSON.stringify(theirs)}`,
        `  elfinterp-patchelf: ${JSON.stringify(ours)}`,
      );
    return verdict === 'same' ? 'same' : `**differs**: ${comparison.difference}`;
  });
  const {stdout, stderr, status} = ours;
  const line = firstLine(stdout || stderr);
  const said = stdout === '' && stderr === '' ? 'nothing' : line === '' ? 'an empty line' : `\`${line}\``;
  const cells = [
    comparison.fixture,
    `\`${command.replaceAll('|', '\\|')}\``,
    said,
    status,
    ...shortened(verdicts),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Describe a difference that all releases share only once. */
function shortened(verdicts) {
  return verdicts.map((verdict, i) =>
    verdict === verdicts[i + 1] && verdict.startsWith('**') ? '**differs**' : verdict,
  );
}

function firstLine(text) {
  const lines = text.trimEnd().split('\n');
  return `${lines[0]}${lines.length > 1 ? ' ...' : ''}`.replaceAll('|', '\\|');
}

/** Replace the table in the page; the text around it is written by hand. */
function writePage() {
  const page = 'docs/patchelf.md';
  const table = [
    `| file | arguments | printed | status | ${versions.join(' | ')} |`,
    `|---|---|---|--:|${versions.map(() => '---|').join('')}`,
    ...rows,
  ];
  const text = readFileSync(page, 'utf8');
  writeFileSync(
    page,
    text.replace(/^\| file \| arguments \|(.*\n\|)*.*/m, () => table.join('\n')),
  );
}
