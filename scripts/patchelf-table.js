/*
 * Write docs/patchelf.md: every command line of the comparison with what Debian's patchelf and elfinterp-patchelf
 * make of it. Run after `npm run build` and `npx tsc`.
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
  `# elfinterp-patchelf beside patchelf

\`elfinterp-patchelf\` takes patchelf 0.19's command line. Here it and Debian's ${version} edit copies of the same
file with the same arguments. "Same" means: the same standard output, the same standard error, the same exit status,
and \`readelf -d\` and \`readelf -l\` read the same interpreter, libraries in the same order, search path, soname and flags
in the result. \`scripts/patchelf-table.js\` writes this page, and fails where an answer is not the one below.

| file | arguments | printed | status | |
|---|---|---|--:|---|
${rows.join('\n')}

## What is different on purpose

- **How the file is changed.** patchelf writes into the file; here it is replaced, so a full disk leaves the old one
  (\`elfinterp edit --in-place\` writes into it). Other hard links keep the old content.
- **Which bytes change.** patchelf moves sections to new segments at the end; here the slack that the linker left is
  used first. \`--no-sort\` and \`--no-clobber-old-sections\` are accepted and change nothing.
- **Where nothing can take the file's place** (a directory that cannot be written to, a file that is a mount point) it is
  written into, as patchelf does, and a line on standard error says so.
- **What is printed** is written when the edit is done, with one call, so that \`grep -q\` may leave early.
- **\`--add-needed\`** of a name that is there moves it to the front; patchelf lists it a second time.
- **\`--remove-needed\`** takes the library out of DT_VERNEED too. patchelf leaves it there, and ld.so then dies of
  \`Assertion 'needed != NULL' failed\`.
- **\`--clear-symbol-version\`** also drops a version that no symbol asks for any more; ld.so would go on demanding it.
- **\`--set-soname\`** passes over every program; patchelf passes over ET_EXEC and gives a PIE a soname.
- **\`--shrink-rpath\`** passes over what cannot be read in a directory; patchelf stops.
- **An argument from a file (\`@FILE\`)** loses one newline at its end.
- **Static-pie programs** are refused a search path, a needed library and \`--no-default-lib\`: with the first they no longer
  start, and nothing would heed the others. patchelf writes them.
- **Empty names** (\`--set-soname ''\`, \`--add-needed ''\`, \`--clear-symbol-version ''\`) are refused.
- **Data behind the program** (AppImage, a packed application) would no longer be found where the file has to grow, so
  that is refused; \`elfinterp edit --payload\` has a choice of what to do. patchelf leaves it somewhere in the middle.
- **\`--build-resolution-cache\`** is not supported.
- patchelf finds what it edits by section names; a file without section headers can be edited here.

Where 0.14.3 and 0.19 differ, the answer is that of 0.19; the table says so. Options that ${version} lacks (\`--print-os-abi\`, \`--set-os-abi\`, \`--print-execstack\`, \`--set-execstack\`,
\`--clear-execstack\`, \`--add-debug-tag\`, \`--rename-dynamic-symbols\`) answer as 0.19.0 was seen to.
`,
);
