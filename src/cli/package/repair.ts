import {type RepairResult, repairPackage} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import type {Output} from '../output.js';
import {refuseStandardInput} from '../refuse-standard-input.js';
import {safe} from '../safe-text.js';
import {counted} from '../size.js';
import {floorsToJson} from './audit-json.js';
import type {repair as definition} from './definition.js';
import {readPolicy} from './read-policy.js';

type Arguments = ArgumentsOf<typeof definition>;

export async function run(args: Arguments, output: Output): Promise<undefined> {
  checkUsage(args);
  const result = await repairPackage(args.package, {
    into: args.into,
    inPlace: args['in-place'],
    root: args.root,
    libraryPath: args['library-path'],
    vendor: args.vendor,
    keep: args.keep,
    libs: args.libs,
    strip: args.strip,
    policy: readPolicy(args.policy),
    dryRun: args['dry-run'],
  });
  if (args.json) output.json(toJson(result));
  else print(result, output);
}

function checkUsage({into, 'in-place': inPlace, 'dry-run': dryRun}: Arguments): void {
  if (into !== undefined && inPlace) throw new UsageError('--into and --in-place are mutually exclusive');
  refuseStandardInput('--into', into);
  if (into === undefined && !inPlace && !dryRun) throw new UsageError('specify --into DIR or --in-place');
}

function print({files, notes, written, before, after}: RepairResult, output: Output): void {
  for (const {path, changes} of files) for (const change of changes) output.line(safe`${path}: ${change}`);
  for (const note of notes) output.warn(note);
  const fixed = counted(Math.max(0, before.findings.length - after.findings.length), 'finding');
  if (files.length === 0) output.progress(safe`the package needs no repair`);
  else output.progress(written ? safe`repaired; ${fixed} fixed` : safe`nothing was written`);
}

function toJson({directory, written, libraries, files, after, notes}: RepairResult): object {
  return {
    directory,
    written,
    libraries,
    files,
    targets: after.targets.map(({os, cpu, libc, floors, runsOn}) => ({
      os,
      cpu,
      libc,
      floors: floorsToJson(floors),
      runsOn: runsOn ?? null,
    })),
    notes,
  };
}
