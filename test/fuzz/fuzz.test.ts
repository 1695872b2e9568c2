import test from 'ava';
import {emptySummary, runInput} from './run.js';

const inputs = Number(process.env.ELFINTERP_FUZZ_INPUTS ?? 4000);
const first = Number(process.env.ELFINTERP_FUZZ_FIRST ?? 1);
test('a damaged file is read, planned for, or refused; nothing else is thrown and no plan is wrong', (t) => {
  t.timeout(3_600_000);
  const sums = emptySummary();
  for (let i = 0; i < inputs; i++) runInput(first + i, sums);
  t.deepEqual(sums.findings, []);
});
