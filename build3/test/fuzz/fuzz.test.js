import test from 'ava';
import {fuzz} from './run.js';

/** More by ELFINTERP_FUZZ_INPUTS, other ones by ELFINTERP_FUZZ_FIRST; input n is the same on every machine. */
const inputs = Number(process.env.ELFINTERP_FUZZ_INPUTS ?? 4000);
const first = Number(process.env.ELFINTERP_FUZZ_FIRST ?? 1);
test('a damaged file is read, planned for, or refused; nothing else is thrown and no plan is wrong', (t) => {
  t.timeout(3_600_000);
  const {findings, planned, refused, stopped} = fuzz(first, inputs);
  t.log(
    `${inputs} inputs: ${planned} plans that came true, ${refused} refused, ${stopped} stopped by the checker`,
  );
  t.deepEqual(
    findings.map(({input, fixture, message}) => `input ${input}, of ${fixture}: ${message}`),
    [],
  );
});
//# sourceMappingURL=fuzz.test.js.map
