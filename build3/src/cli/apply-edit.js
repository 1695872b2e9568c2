import {applyPlanSync, applyPlanToBuffer, ElfError, hex, planEdit, standardInput} from '../index.js';
import {eachFile, resultsToJson} from './each-file.js';
import {exitStatus} from './output.js';
/** Plan and apply one request to each file, as --dry-run, --output, --in-place and --json want it. */
export function applyToFiles(files, wanted, args, output) {
  const complaint = complaintAbout(files, args);
  if (complaint !== undefined) {
    output.note(complaint);
    return exitStatus.usage;
  }
  const edit = (file, path) => {
    const plan = planEdit(file.view, typeof wanted === 'function' ? wanted(file, path) : wanted);
    if (!args['dry-run']) apply(file, path, plan, args, output);
    else if (!args.json) printPlan(path, plan, output);
    return plan;
  };
  const results = eachFile(files, output, edit, {skip: (error) => skipReason(error, args)});
  if (args.json) output.json(resultsToJson(results));
  return undefined;
}
/** Why these arguments do not go together. */
function complaintAbout(files, args) {
  const hasOutput = args.output !== undefined;
  if (hasOutput && args['in-place']) return '--output and --in-place exclude one another';
  if (hasOutput && files.length > 1) return '--output goes with one file';
  if (!files.includes(standardInput)) return undefined;
  if (files.length > 1) return 'standard input (-) goes with no other file';
  if (args['in-place']) return 'standard input (-) cannot be written --in-place';
  if (hasOutput) return 'standard input (-) goes to standard output, not to --output';
  if (args.json && !args['dry-run'])
    return 'the result goes to standard output, where --json would stand too';
  return undefined;
}
/** Users of package scripts want files that cannot have what is edited passed over. */
function skipReason(error, args) {
  if (!(error instanceof ElfError)) return undefined;
  if (args['skip-non-elf'] && error.code === 'NOT_ELF') return 'not an ELF file';
  if (args['skip-static'] && (error.code === 'NO_DYNAMIC' || error.code === 'NO_INTERPRETER'))
    return 'statically linked, or without an interpreter';
  return undefined;
}
function apply(file, path, plan, args, output) {
  if (path === standardInput) {
    const {source} = file.view;
    output.bytes(applyPlanToBuffer(source.read(0, source.size), plan));
    for (const note of plan.notes) output.note(note);
    return;
  }
  const destination = args.output;
  const applied = applyPlanSync(path, plan, {output: destination, inPlace: Boolean(args['in-place'])});
  for (const note of [...plan.notes, ...applied.notes]) output.note(`${path}: ${note}`);
  output.progress(`${path}: ${summarize(plan)}`);
}
const rungNames = ['nothing to do', 'in place', 'existing slack', 'a new segment'];
function summarize(plan) {
  const bytes = plan.writes.reduce((sum, write) => sum + write.bytes.length, 0);
  const growth = plan.outputSize - plan.inputSize;
  const size = growth === 0 ? 'size unchanged' : `${growth > 0 ? '+' : ''}${growth} bytes`;
  return plan.writes.length === 0
    ? 'nothing to do'
    : `${plan.changes.join('; ')} (${rungNames[plan.rung]}: ${bytes} bytes written, ${size})`;
}
function printPlan(path, plan, output) {
  output.line(`${path}: ${summarize(plan)}`);
  for (const {offset, bytes, reason} of plan.writes) {
    output.line(`  ${hex(offset).padStart(10)}  ${String(bytes.length).padStart(7)} bytes  ${reason}`);
  }
  for (const note of plan.notes) output.line(`  note: ${note}`);
}
//# sourceMappingURL=apply-edit.js.map
