/*
 * A part of the fault walk of packed files: every eighth point; all of them with ELFINTERP_FAULTS=all.
 */
import test from 'ava';
import {withTools} from '../helpers/tools.js';
import {packScenarios} from './packs.js';
import {listPoints, runPoints} from './walk.js';

const stride = process.env.ELFINTERP_FAULTS === 'all' ? 1 : 8;

for (const [number, scenario] of packScenarios.entries()) {
  test.serial(
    `${scenario.name}: a call that fails, or a kill, leaves whole files or none`,
    withTools(async (t) => {
      t.timeout(1_800_000);
      const points = (await listPoints(scenario)).filter((_, i) => i % stride === number);
      const results = await runPoints(scenario, points);
      const damaged = results.filter(({state}) => state === 'damaged');
      t.deepEqual(
        damaged.map(({point: {call, nth, fault}, problem}) => [call, nth, fault, problem]),
        [],
      );
      const count = (state: string) => results.filter((result) => result.state === state).length;
      t.log(
        `${points.length} points: ${count('old')} old, ${count('new')} new, ${count('missed')} not reached`,
      );
      t.true(count('old') > 5 && count('missed') < points.length / 10);
    }),
  );
}
