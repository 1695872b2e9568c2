import {type RepairResult, repairPackage} from '../../index.js';
import type {Arguments} from '../command.js';
import {exitStatus, type Output} from '../output.js';
import {floorsToJson} from '../package/audit-json.js';
import {readPolicy} from '../package/read-policy.js';
import {safe} from '../safe-text.js';

export async function run(args: Arguments, output: Output): Promise<number | undefined> {
  const wrong = usageProblem(args);
  if (wrong !== undefined) {
    output.note(safe`${wrong}; see elfinterp repair --help`);
    return exitStatus.usage;
  }
  const result = await repairPackage(args.package as string, {
    into: args.into as string | undefined,
    inPlace: args['in-place'] as boolean | undefined,
    root: args.root as string | undefined,
    libraryPath: args['library-path'] as string | undefined,
    vendor: args.vendor as string[] | undefined,
    keep: args.keep as string[] | undefined,
    libs: args.libs as string | undefined,
    strip: args.strip as boolean | undefined,
    policy: readPolicy(args.policy as string | undefined),
    dryRun: args['dry-run'] as boolean | undefined,
  });
  if (args.json) output.json(toJson(result));
  else print(result, output);
  return undefined;
}

function usageProblem(args: Arguments): string | undefined {
  const into = args.into !== undefined;
  const inPlace = args['in-place'] === true;
  if (into && inPlace) return '--into and --in-place are mutually exclusive';
  return into || inPlace || args['dry-run'] ? undefined : 'specify --into DIR or --in-place';
}

function print({files, notes, written, before, after}: RepairResult, output: Output): void {
  for (const {path, changes} of files) for (const change of changes) output.line(safe`${path}: ${change}`);
  for (const note of notes) output.warn(note);
  const fixed = before.findings.length - after.findings.length;
  if (files.length === 0) output.progress(safe`the package needs no repair`);
  else output.progress(written ? safe`repaired; ${fixed} findings fixed` : safe`nothing was written`);
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
