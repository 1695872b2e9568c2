/*
 * Write docs/patchelf.md: every command line of the comparison, with the results of Debian's patchelf and of
 * elfinterp-patchelf. Run after `npm run build` and `npx tsc`.
 */
import {execFileSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {compare, comparisons, isSame} from '../build/test/helpers/patchelf.js';

const version = execFileSync('patchelf', ['--version'], {encoding: 'utf8'}).trim();
const rows = comparisons.map((comparison) => {
  const answers = compare(comparison);
  const same = isSame(answers);
  if (same !== (comparison.difference === undefined))
    throw new Error(`unexpected answer: ${JSON.stringify({comparison, ...answers})}`);
  const command = comparison.args.map((word) => (word === '' ? "''" : word)).join(' ');
  const {stdout, stderr, status} = answers.ours;
  const said = stdout === '' && stderr === '' ? 'nothing' : `\`${firstLine(stdout || stderr)}\``;
  const verdict = same ? 'same' : `**differs**: ${comparison.difference}`;
  return `| ${comparison.fixture} | \`${command.replaceAll('|', '\\|')}\` | ${said} | ${status} | ${verdict} |`;
});

function firstLine(text) {
  const lines = text.trimEnd().split('\n');
  return `${lines[0]}${lines.length > 1 ? ' ...' : ''}`.replaceAll('|', '\\|') || ' ';
}

writeFileSync(
  'docs/patchelf.md',
  `# elfinterp-patchelf compared with patchelf

\`elfinterp-patchelf\` accepts the command line of patchelf 0.19. For this table, it and Debian's ${version} edited
copies of the same file with the same arguments. "Same" means that standard output, standard error and exit status are
equal, and that \`readelf -d\` and \`readelf -l\` show the same interpreter, search path, soname and flags, and the same
libraries in the same order. \`scripts/patchelf-table.js\` writes this page, and fails if a result is not the expected one.

| file | arguments | printed | status | |
|---|---|---|--:|---|
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
- **\`--clear-symbol-version\`** also removes a version that no symbol uses any more; otherwise ld.so still requires it.
- **\`--set-soname\`** skips every program; patchelf skips only ET_EXEC and gives a PIE a soname.
- **\`--shrink-rpath\`** skips unreadable files in a directory; patchelf stops.
- **An argument from a file (\`@FILE\`)** loses one trailing newline.
- **Static-pie programs**: a search path, a needed library and \`--no-default-lib\` are refused. With a search path, a
  static-pie program of glibc no longer starts (one of musl does, and may have it); the other two would have no effect.
  patchelf writes them.
- **Empty names** (\`--set-soname ''\`, \`--add-needed ''\`, \`--clear-symbol-version ''\`) are refused.
- **Data appended to the program** (AppImage, a packed application): if the file would have to grow, the edit is refused,
  because the program would no longer find the data. \`elfinterp edit --payload\` offers choices. patchelf leaves the data
  somewhere in the middle.
- **\`--build-resolution-cache\`** is not supported.
- **Files without section headers** can be edited. patchelf looks up what it edits by section name.

Where 0.14.3 and 0.19 differ, elfinterp-patchelf follows 0.19, and the table says so. Options that ${version} lacks
(\`--print-os-abi\`, \`--set-os-abi\`, \`--print-execstack\`, \`--set-execstack\`, \`--clear-execstack\`, \`--add-debug-tag\`,
\`--rename-dynamic-symbols\`) match the observed behaviour of 0.19.0.
`,
);
