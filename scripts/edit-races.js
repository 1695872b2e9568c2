/*
 * Edit as root in a directory whose owner keeps replacing files and directories by links to the outside:
 *
 *     npm run races:edit [-- ROUNDS [COMMAND [PROJECT]]]
 *
 * prints a line for each command and attack, for docs/reliability.md. Exit status 1 if anything escaped. COMMAND is a
 * pattern for the commands to run. PROJECT is another built checkout to run instead, to see it fail.
 */
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {EditRaces, editRaces} from '../build/test/containment/edit-races.js';

const [rounds = '500', pattern = '', project] = process.argv.slice(2);
let escaped = 0;
console.log('| command | swapped | rounds | names swapped | refused | escaped |');
console.log('|---|---|--:|--:|--:|--:|');
for (const race of editRaces.filter(({command}) => new RegExp(pattern).test(command))) {
  const base = mkdtempSync(path.join(tmpdir(), 'elfinterp-races-'));
  const races = new EditRaces(base, project);
  try {
    const {swaps, refused, escapes, rounds: done} = await races.run(race, Number(rounds));
    console.log(`| ${race.command} | ${race.attack} | ${done} | ${swaps} | ${refused} | ${escapes.length} |`);
    for (const text of escapes.slice(0, 5)) console.error(text);
    escaped += escapes.length;
  } finally {
    races.close();
    rmSync(base, {recursive: true, force: true});
  }
}
console.log(`escaped: ${escaped}`);
process.exit(escaped === 0 ? 0 : 1);
