/* Each duel for a second; `npm run races:bundle` fights five hundred rounds of each. */
import {chmodSync} from 'node:fs';
import test from 'ava';
import {tempDirectory} from '../helpers/temp.js';
import {withTools} from '../helpers/tools.js';
import {fight} from './duels.js';
import {packageDuels} from './package-duels.js';

const rootTest = process.geteuid?.() === 0 ? test.serial : test.serial.skip;

for (const duel of packageDuels) {
  rootTest(
    `an ordinary user gets nothing of root's: ${duel.title}`,
    withTools(async (t) => {
      const base = tempDirectory(t);
      chmodSync(base, 0o755);
      const end = Date.now() + 1000;
      const {rounds, swaps, refused, lost} = await fight(duel, base, (done) => done > 3 && Date.now() > end);
      t.log(`rounds: ${rounds}, names exchanged: ${swaps}, refused with an error: ${refused}`);
      t.deepEqual(lost, []);
    }),
  );
}
