/*
 * A short form of the races of edits; `npm run races:edit` runs hundreds of rounds of each.
 */
import test from 'ava';
import {tempDirectory} from '../helpers/temp.js';
import {withTools} from '../helpers/tools.js';
import {EditRaces, editRaces} from './edit-races.js';

const rounds = Number(process.env.ELFINTERP_RACE_ROUNDS ?? 24);

if (process.geteuid?.() === 0)
  for (const {command, attack} of editRaces)
    test.serial(
      `root edits in somebody's directory, no escape: ${command}, the ${attack} is swapped`,
      withTools(async (t) => {
        const races = new EditRaces(tempDirectory(t));
        t.teardown(() => races.close());
        const {swaps, refused, escapes} = await races.run({command, attack}, rounds);
        t.deepEqual(escapes, []);
        t.log(`${rounds} rounds, ${swaps} names swapped, ${refused} refused with an error`);
        t.true(swaps > 0, 'nothing was swapped');
      }),
    );
