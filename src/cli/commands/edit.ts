import type {EditRequest} from '../../index.js';
import {applyToFiles} from '../apply-edit.js';
import type {Arguments} from '../command.js';
import {exitStatus, type Output} from '../output.js';

export function run(args: Arguments, output: Output): number | undefined {
  const files = args.files as string[];
  const request = requestOf(args);
  const problem = Object.keys(request).every((key) => key === 'allowRelative')
    ? 'nothing to edit: give at least one change'
    : args.output !== undefined && files.length > 1
      ? '--output goes with one file'
      : undefined;
  if (problem !== undefined) {
    output.note(`${problem}; see elfinterp edit --help`);
    return exitStatus.usage;
  }
  return applyToFiles(files, request, args, output);
}

function requestOf(args: Arguments): EditRequest {
  const fields = {
    interpreter: args.interpreter as string | undefined,
    allowRelative: args['allow-relative'] as boolean | undefined,
    rpath: args.rpath as string | undefined,
    runpath: args.runpath as string | undefined,
    removeRpath: (args['remove-rpath'] as boolean | undefined) || undefined,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
