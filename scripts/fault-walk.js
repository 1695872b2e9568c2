/*
 * Make each file system call of a command fail in turn, then kill the process at each, and print what became of the
 * files at each point, with totals at the end. Exit status 1 if anything was damaged.
 *
 * `npm run fault-walk [-- WORD]` walks the scenarios of test/faults, or the one of that name, or those with WORD in
 * their names. It needs strace, and takes minutes: each point takes two runs of the program.
 */
import {between, chrootScenarios} from '../build/test/faults/chroots.js';
import {editScenarios} from '../build/test/faults/edits.js';
import {packScenarios} from '../build/test/faults/packs.js';
import {listPoints, runPoints} from '../build/test/faults/walk.js';

const word = process.argv[2] ?? '';
const all = [...editScenarios, ...chrootScenarios, ...packScenarios];
const named = all.filter(({name}) => name === word);
const scenarios = named.length > 0 ? named : all.filter(({name}) => name.includes(word));
const totals = [];
for (const scenario of scenarios) {
  const points = await listPoints(scenario);
  console.log(`\n## ${scenario.name}: ${points.length} points`);
  const results = await runPoints(scenario, points, print);
  totals.push([scenario.name, count(results)]);
}
console.log(
  '\n| scenario | points | calls that failed | of these with the new state | killed | old | new | not reached | damaged |',
);
console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|');
for (const [name, counts] of totals) console.log(`| ${name} | ${counts.join(' | ')} |`);
for (const [name, number] of between)
  console.log(`${name}: after ${number} of them the next run had something to put back`);
const damaged = totals.reduce((sum, [, counts]) => sum + counts.at(-1), 0);
console.log(`\n${totals.reduce((sum, [, [points]]) => sum + points, 0)} points, ${damaged} damaged`);
process.exitCode = damaged === 0 ? 0 : 1;

function print({point: {program, call, nth, fault, line}, ended, state, problem}) {
  const how = ended.killed ? 'killed' : `exit ${ended.status}`;
  const shown = line.replace(/\s+/g, ' ').slice(0, 60);
  console.log(
    `${program} ${call}#${nth} ${fault}: ${how}, ${state}${problem === undefined ? '' : `: ${problem}`}   ${shown}`,
  );
}

function count(results) {
  const number = (test) => results.filter(test).length;
  const reached = results.filter(({state}) => state !== 'missed');
  const failed = reached.filter(({point}) => point.fault !== 'KILL');
  const killed = reached.filter(({point}) => point.fault === 'KILL');
  const as = (list, state) => list.filter((result) => result.state === state).length;
  return [
    results.length,
    failed.length,
    as(failed, 'new'),
    killed.length,
    as(killed, 'old'),
    as(killed, 'new'),
    number(({state}) => state === 'missed'),
    number(({state}) => state === 'damaged'),
  ];
}
