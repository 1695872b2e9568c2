import {
  hex,
  type Listing,
  type PackedContents,
  type PackPlan,
  type PackResult,
  packProgram,
} from '../../index.js';
import type {ArgumentsOf} from '../command.js';
import type {Output} from '../output.js';
import {showProgress} from '../progress.js';
import {refuseStandardInput} from '../refuse-standard-input.js';
import {safe} from '../safe-text.js';
import {counted, short} from '../size.js';
import type {pack as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export async function run(args: Arguments, output: Output): Promise<undefined> {
  refuseStandardInput('the output', args.output);
  const result = await packProgram(args.program, {
    output: args.output,
    root: args.root,
    libraryPath: args['library-path'],
    libraries: args.library,
    dlopen: args.dlopen,
    closed: args.closed,
    isolate: args.isolate,
    fixedAddress: args['fixed-address'],
    loaderOnly: args['loader-only'],
    recordSources: args['record-sources'],
    dryRun: args['dry-run'],
    onProgress: showProgress(output),
  });
  for (const note of result.notes) output.warn(note);
  if (args.json) output.json(resultToJson(result, args['dry-run'] === true));
  else if (result.plan === undefined) output.line(safe`${result.output}  (static, copied unchanged)`);
  else if (args['dry-run']) printMap(result.plan, output);
  else printParts(result.plan, result.contents, output);
  if (result.listing?.kind === 'not-run')
    output.warn(`the loader inside was not tested: ${result.listing.why}`);
  if (result.listing?.kind === 'listed') output.progress(safe`${proofOf(result.listing)}`);
}

function printMap({size, pieces}: PackPlan, output: Output): void {
  for (const piece of pieces)
    output.line(safe`${hex(piece.offset).padStart(12)}  ${String(piece.size).padStart(10)}  ${piece.what}`);
  output.line(safe`${hex(size).padStart(12)}  ${' '.repeat(10)}  end of the file`);
}

function printParts({size}: PackPlan, contents: PackedContents | undefined, output: Output): void {
  for (const {role, names, size: length} of contents?.parts ?? [])
    output.line(safe`${role.padEnd(7)}  ${String(length).padStart(10)}  ${names.join(', ')}`);
  output.progress(safe`${counted(contents?.parts.length ?? 0, 'part')} in one file of ${short(size)}`);
}

function proofOf({libraries, emptyRoot}: Extract<Listing, {kind: 'listed'}>): string {
  const where = emptyRoot ? ' in an empty root' : '';
  return `the loader inside found ${counted(libraries.length, 'library', 'libraries')}${where}; no code of the program was run`;
}

function resultToJson({output, contents, plan, listing, notes}: PackResult, isDryRun: boolean): object {
  return {
    output,
    written: !isDryRun,
    size: plan?.size ?? null,
    contents: contents ?? null,
    map: plan?.pieces.map(({offset, size, what}) => ({offset, size, what})) ?? null,
    listing: listing ?? null,
    notes,
  };
}
