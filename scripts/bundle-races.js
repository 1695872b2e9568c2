/*
 * The duels of test/containment/duels.ts and package-duels.ts, many rounds of each: node scripts/bundle-races.js
 * [ROUNDS] [PATTERN] [SECONDS]. Run it as root, after `npx tsc -p tsconfig.json`. A duel ends after ROUNDS (500), or
 * earlier after SECONDS. Prints the table in docs/reliability.md, and exits with 1 if anything was lost.
 */
import {chmodSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {duels, fight} from '../build/test/containment/duels.js';
import {packageDuels} from '../build/test/containment/package-duels.js';

const [rounds = '500', pattern = '', seconds = 'Infinity'] = process.argv.slice(2);
console.log('| command | rounds | names swapped | refused | lost |\n|---|---|---|---|---|');
for (const duel of [...duels, ...packageDuels].filter(({title}) => title.includes(pattern))) {
  const base = mkdtempSync(join(tmpdir(), 'elfinterp-race-'));
  chmodSync(base, 0o755);
  const end = Date.now() + Number(seconds) * 1000;
  const score = await fight(duel, base, (done) => done >= Number(rounds) || Date.now() > end);
  console.log(
    `| ${duel.title} | ${score.rounds} | ${score.swaps} | ${score.refused} | ${score.lost.length} |`,
  );
  if (score.lost.length > 0) {
    console.error([...new Set(score.lost)].slice(0, 5).join('\n'));
    process.exitCode = 1;
  }
  rmSync(base, {recursive: true, force: true});
}
