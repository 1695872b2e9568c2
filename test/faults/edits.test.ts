/*
 * A part of the fault walk of set and edit: every fourth point; all of them with ELFINTERP_FAULTS=all. `npm run
 * fault-walk` prints each.
 */
import test from 'ava';
import {withTools} from '../helpers/tools.js';
import {editScenarios} from './edits.js';
import {listPoints, runPoints} from './walk.js';

const stride = process.env.ELFINTERP_FAULTS === 'all' ? 1 : 4;

for (const [number, scenario] of editScenarios.entries()) {
  test.serial(
    `${scenario.name}: a call that fails, or a kill, leaves the old or the new file and nothing else`,
    withTools(async (t) => {
      t.timeout(1_800_000);
      const points = (await listPoints(scenario)).filter((_, i) => i % stride === number % stride);
      const results = await runPoints(scenario, points);
      const damaged = results.filter(({state}) => state === 'damaged');
      t.deepEqual(
        damaged.map(({point: {program, call, nth, fault}, problem}) => [program, call, nth, fault, problem]),
        [],
      );
      const count = (state: string) => results.filter((result) => result.state === state).length;
      t.log(
        `${points.length} points: ${count('old')} old, ${count('new')} new, ${count('missed')} not reached`,
      );
      t.true(count('old') > 5 && count('new') > 2 && count('missed') < points.length / 10);
    }),
  );
}
