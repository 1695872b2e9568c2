/*
 * A part of the fault walk of packed files: sixteen points of each scenario; all of them with ELFINTERP_FAULTS=all.
 */
import test from 'ava';
import {withTools} from '../helpers/tools.js';
import {packScenarios} from './packs.js';
import {listPoints, runPoints} from './walk.js';

const most = process.env.ELFINTERP_FAULTS === 'all' ? Number.POSITIVE_INFINITY : 16;

for (const scenario of packScenarios) {
  test.serial(
    `${scenario.name}: a call that fails, or a kill, leaves whole files or none`,
    withTools(async (t) => {
      t.timeout(1_800_000);
      const all = await listPoints(scenario);
      const stride = Math.ceil(all.length / most) || 1;
      const points = all.filter((_, i) => i % stride === Math.floor(i / stride) % stride);
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
      t.true(count('old') > 3 && count('missed') < points.length / 2);
    }),
  );
}
