/*
 * `npm run fuzz`: a run of any length. Findings go to stdout, one JSON line each, followed by the totals; the status is
 * 1 if there was a finding. Variables:
 *
 *   ELFINTERP_FUZZ_INPUTS     how many inputs; 1,000,000 by default
 *   ELFINTERP_FUZZ_FIRST      the number of the first, 1 by default; an input is the same in every run
 *   ELFINTERP_FUZZ_PROCESSES  how many processes; one for each processor by default
 *   ELFINTERP_FUZZ_EDITS      how many of the edits each input is planned for; 3 by default
 */
import {availableParallelism} from 'node:os';
import {runCampaign} from './campaign.js';
import {describeSummary} from './run.js';

const number = (name: string, otherwise: number) =>
  Number(process.env[`ELFINTERP_FUZZ_${name}`] ?? otherwise);

const start = performance.now();
const minute = () => Math.round((performance.now() - start) / 60_000);
let printed = 0;
let told = 0;

const sums = await runCampaign({
  first: number('FIRST', 1),
  count: number('INPUTS', 1_000_000),
  processes: number('PROCESSES', availableParallelism()),
  onProgress(total) {
    for (const finding of total.findings.slice(printed)) process.stdout.write(`${JSON.stringify(finding)}\n`);
    printed = total.findings.length;
    if (total.inputs < told + 10_000) return;
    told = total.inputs;
    process.stderr.write(`minute ${minute()}: ${describeSummary(total)}\n`);
  },
});
process.stdout.write(`${describeSummary(sums)}, ${minute()} min\n`);
process.exitCode = sums.findings.length > 0 ? 1 : 0;
