/*
 * Run the fuzzer for as long as a test may take. The inputs are the same each time; `npm run fuzz` runs later ones.
 * Everything that it ever found is in findings.test.ts.
 */
import {availableParallelism} from 'node:os';
import test from 'ava';
import {runCampaign} from './campaign.js';
import {describeSummary} from './run.js';

const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');
const inputs = Number(process.env.ELFINTERP_FUZZ_INPUTS ?? (inCi ? 10_000 : 4000));
const first = Number(process.env.ELFINTERP_FUZZ_FIRST ?? 1);

test('a damaged file is read, planned for, or refused; nothing else is thrown and no plan is wrong', async (t) => {
  t.timeout(3_600_000);
  const sums = await runCampaign({first, count: inputs, processes: availableParallelism()});
  t.log(describeSummary(sums));
  t.deepEqual(sums.findings, []);
  t.is(sums.inputs, inputs);
});
