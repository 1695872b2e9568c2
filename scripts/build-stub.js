/*
 * Compile src/pack/stub/stub.c for each machine and put the bytes into src/pack/stub-code.ts. Run this only after
 * changing the stub; it needs gcc and gcc-aarch64-linux-gnu. A test compiles it again and compares.
 */
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const directory = mkdtempSync(join(tmpdir(), 'stub-'));
const entries = ['x86_64', 'aarch64'].map((machine) => {
  const output = join(directory, machine);
  execFileSync('src/pack/stub/build.sh', [machine, output], {stdio: 'inherit'});
  const lines = readFileSync(output)
    .toString('base64')
    .match(/.{1,96}/g)
    .map((line) => `    '${line}',`);
  return `  ${machine}: [\n${lines.join('\n')}\n  ],\n`;
});
rmSync(directory, {recursive: true});
writeFileSync(
  'src/pack/stub-code.ts',
  `/*
 * The machine code of stub/stub.c, in base64. Made by \`npm run build:stub\`; do not edit.
 */

/** By the name of the machine; the lines are one text. */
export const stubCode: Readonly<Record<'x86_64' | 'aarch64', readonly string[]>> = {
${entries.join('')}};
`,
);
