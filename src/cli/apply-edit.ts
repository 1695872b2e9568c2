import {applyPlanSync, type EditRequest, hex, type Plan, planEdit} from '../index.js';
import type {Arguments} from './command.js';
import {eachFile, resultsToJson} from './each-file.js';
import {exitStatus, type Output} from './output.js';

/** Plan and apply one request to each file, as --dry-run, --output, --in-place and --json want it. */
export function applyToFiles(
  files: readonly string[],
  request: EditRequest,
  args: Arguments,
  output: Output,
): number | undefined {
  const destination = args.output as string | undefined;
  if (destination !== undefined && args['in-place']) {
    output.note('--output and --in-place exclude one another');
    return exitStatus.usage;
  }
  const results = eachFile(files, output, ({view}, path) => {
    const plan = planEdit(view, request);
    if (!args['dry-run']) {
      const applied = applyPlanSync(path, plan, {output: destination, inPlace: Boolean(args['in-place'])});
      for (const note of [...plan.notes, ...applied.notes]) output.note(`${path}: ${note}`);
      output.progress(`${path}: ${summarize(plan)}`);
    } else if (!args.json) {
      printPlan(path, plan, output);
    }
    return plan;
  });
  if (args.json) output.json(resultsToJson(results));
  return undefined;
}

const rungNames = ['nothing to do', 'in place', 'existing slack', 'a new segment'] as const;

function summarize(plan: Plan): string {
  const bytes = plan.writes.reduce((sum, write) => sum + write.bytes.length, 0);
  const growth = plan.outputSize - plan.inputSize;
  const size = growth === 0 ? 'size unchanged' : `${growth > 0 ? '+' : ''}${growth} bytes`;
  return plan.writes.length === 0
    ? 'nothing to do'
    : `${plan.changes.join('; ')} (${rungNames[plan.rung]}: ${bytes} bytes written, ${size})`;
}

function printPlan(path: string, plan: Plan, output: Output): void {
  output.line(`${path}: ${summarize(plan)}`);
  for (const {offset, bytes, reason} of plan.writes) {
    output.line(`  ${hex(offset).padStart(10)}  ${String(bytes.length).padStart(7)} bytes  ${reason}`);
  }
  for (const note of plan.notes) output.line(`  note: ${note}`);
}
