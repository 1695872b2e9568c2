import {type BundleProgram, bundle, bundleRelocatable, findUnbundled, traceCommand} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import type {Output} from '../output.js';
import {showProgress} from '../progress.js';
import {refuseStandardInput} from '../refuse-standard-input.js';
import type {bundle as definition} from './definition.js';
import {bundleToJson, printBundle, printRelocatable} from './print-bundle.js';
import {checkTrace, printUnbundled, unbundledToJson} from './print-unbundled.js';

type Arguments = ArgumentsOf<typeof definition>;

export async function run(args: Arguments, output: Output): Promise<undefined> {
  checkUsage(args);
  const traced = args.trace ? await traceCommand(args['--'] ?? []) : undefined;
  const programs = args.programs.map(parseFile);
  const make = args.relocatable ? makeRelocatable : makeFixed;
  const made = await make(programs, args, output);
  for (const note of made.notes) output.warn(note);
  const lacking =
    traced && findUnbundled(traced, {programs: sourcesIn(programs), sources: sourcesIn(made.files)});
  if (args.json) output.json({...made.json, ...unbundledToJson(traced, lacking)});
  else made.print(output);
  if (traced && lacking && !args.json) printUnbundled(traced, lacking, output);
}

/** The result for a bundle of either form. */
interface Made {
  readonly notes: readonly string[];
  readonly files: readonly {readonly source: string}[];
  readonly json: object;
  print(output: Output): void;
}

async function makeFixed(programs: BundleProgram[], args: Arguments, output: Output): Promise<Made> {
  const result = await bundle(programs, {
    ...optionsOf(args, output),
    prefix: args.prefix,
    libs: args.libs,
    recordSources: args['record-sources'],
    keepPrivileges: args['keep-privileges'],
    isolate: args.isolate,
    symbols: args.symbols,
    launcher: args.launcher,
    shell: args.shell,
  });
  return {...result, json: bundleToJson(result), print: (to) => printBundle(result, to)};
}

async function makeRelocatable(programs: BundleProgram[], args: Arguments, output: Output): Promise<Made> {
  const result = await bundleRelocatable(programs, optionsOf(args, output));
  const {directory, files, directories, environment} = result;
  const json = {directory, files, directories, environment};
  return {...result, json, print: (to) => printRelocatable(result, to)};
}

/** The options of both forms. */
function optionsOf(args: Arguments, output: Output) {
  const resolve = args['resolve-files'];
  return {
    into: args.into,
    root: args.root,
    library: args.library,
    dlopen: args.dlopen,
    files: (args.file ?? []).map((text) => ({...parseFile(text), resolve})),
    hwcaps: args.hwcaps,
    gconv: args.gconv,
    locales: args.locale,
    onProgress: showProgress(output),
  };
}

function checkUsage(args: Arguments): void {
  checkTrace(args);
  refuseStandardInput('--into', args.into);
  if (!args.relocatable) return;
  const fixed = (['prefix', 'launcher', 'shell', 'record-sources', 'keep-privileges'] as const).filter(
    (name) => args[name] !== undefined && args[name] !== 'interp',
  );
  if (fixed.length > 0 || args.isolate === false)
    throw new UsageError(
      `--relocatable cannot be combined with ${fixed[0] ? `--${fixed[0]}` : '--no-isolate'}`,
    );
}

function sourcesIn(files: readonly {readonly source: string}[]): string[] {
  return files.map(({source}) => source);
}

/** SRC[=DST]; a name with an equals sign in it is written as SRC=DST. */
function parseFile(text: string): {source: string; target: string | undefined} {
  const equals = text.lastIndexOf('=');
  return equals < 0
    ? {source: text, target: undefined}
    : {source: text.slice(0, equals), target: text.slice(equals + 1)};
}
