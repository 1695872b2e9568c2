/*
 * Compare elfinterp-patchelf with releases of patchelf, on every command line of the list in test/helpers/patchelf.ts.
 * Prints each result that differs from the list, and exits with 1 if there is any.
 *
 *     npm run acceptance:patchelf                  Debian 12's and 13's, fetched and packed
 *     npm run acceptance:patchelf -- PROGRAM...    others
 *     npm run acceptance:patchelf -- --write       and write docs/patchelf.md
 */
import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
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
  const said = stdout === '' && stderr === '' ? 'nothing' : `\`${firstLine(stdout || stderr)}\``;
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
  return `${lines[0]}${lines.length > 1 ? ' ...' : ''}`.replaceAll('|', '\\|') || ' ';
}

function writePage() {
  writeFileSync(
    'docs/patchelf.md',
    `# elfinterp-patchelf compared with patchelf

\`elfinterp-patchelf\` accepts the command line of patchelf 0.19. For this table, it and two releases of patchelf, Debian
12's 0.14.3 and Debian 13's 0.18.0, edited copies of the same file with the same arguments. "Same" means that standard
output, standard error and exit status are equal, and that readelf shows the same interpreter, search path, soname, flags,
symbols and stack, and the same libraries in the same order. Debian has no later release; what this page says of 0.19 was
observed once, with 0.19.0. \`npm run acceptance:patchelf -- --write\` writes this page, and fails if a result is not the
expected one. It also takes other patchelf programs to compare with.

| file | arguments | printed | status | ${versions.join(' | ')} |
|---|---|---|--:|${versions.map(() => '---|').join('')}
${rows.join('\n')}

## Intentional differences

- **How the file changes.** patchelf writes into the file. elfinterp-patchelf replaces it, so a full disk leaves the old
  file, and other hard links keep the old content (\`elfinterp edit --in-place\` writes into the file).
- **Which bytes change.** patchelf moves sections to new segments at the end. elfinterp-patchelf first uses the slack that
  the linker left. It accepts \`--no-sort\` and \`--no-clobber-old-sections\` and ignores them.
- **If the file cannot be replaced** (its directory is not writable, or it is a mount point), elfinterp-patchelf writes
  into it as patchelf does, and says so on standard error.
- **Output** is written with one call after the edit, so \`grep -q\` can exit early.
- **\`--add-needed\`** moves a name that is already listed to the front; patchelf lists it a second time.
- **\`--remove-needed\`** also removes the library from DT_VERNEED. patchelf leaves it there, and ld.so then aborts with
  \`Assertion 'needed != NULL' failed\`.
- **\`--replace-needed\`** refuses a name with \`$ORIGIN\` or another token for a library with versions. patchelf writes it, and
  ld.so aborts in the same way.
- **\`--clear-symbol-version\`** also removes a version that no symbol uses any more; otherwise ld.so still requires it.
- **\`--set-soname\`** skips every program; patchelf skips only ET_EXEC and gives a PIE a soname.
- **\`--shrink-rpath\`** skips unreadable files in a directory; patchelf stops.
- **An argument from a file (\`@FILE\`)** loses one trailing newline.
- **Static-pie programs**: a search path, a needed library and \`--no-default-lib\` are refused. With a search path, a
  static-pie program of glibc no longer starts (one of musl does, and may have it); the other two would have no effect.
  patchelf writes them.
- **Empty names** (\`--set-soname ''\`, \`--add-needed ''\`, \`--replace-needed NAME ''\`, \`--clear-symbol-version ''\`) are
  refused, and so are names and paths with a newline in them, which patchelf writes.
- **\`--page-size\`** is rounded up to a power of two from 4096.
- **Data appended to the program**: if the file has to grow, data of a known kind (AppImage, zip, .NET, Dart, deno, pkg and
  others) stays or moves to where the program looks for it; with other data the edit is refused, and \`elfinterp edit
  --payload\` offers choices. patchelf leaves the data somewhere in the middle.
- **\`--debug\`** prints one line for each change; patchelf prints the steps of its work.
- **\`--build-resolution-cache\`** is not supported.
- **Files without section headers** can be edited. patchelf looks up what it edits by section name.

Where 0.14.3 and a later release differ, elfinterp-patchelf follows the later one, and the table says so.
\`--no-clobber-old-sections\` exists only in 0.19.
`,
  );
}
