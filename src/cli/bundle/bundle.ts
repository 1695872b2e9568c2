import {
  type BundleProgram,
  bundle,
  bundleRelocatable,
  type DataFile,
  findUnbundled,
  type TracedRun,
  traceCommand,
} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import type {Output} from '../output.js';
import {showProgress} from '../progress.js';
import {safe} from '../safe-text.js';
import type {bundle as definition} from './definition.js';
import {bundleToJson, printBundle, resolvedInWords} from './print-bundle.js';
import {checkTrace, printUnbundled, unbundledToJson} from './print-unbundled.js';

type Arguments = ArgumentsOf<typeof definition>;

export async function run(args: Arguments, output: Output): Promise<number | undefined> {
  checkUsage(args);
  const traced = args.trace ? await traceCommand(args['--'] ?? []) : undefined;
  const make = args.relocatable ? relocatable : fixed;
  await make(args, traced, output);
  return undefined;
}

async function fixed(args: Arguments, traced: TracedRun | undefined, output: Output): Promise<void> {
  const programs = programsOf(args);
  const result = await bundle(programs, {
    into: args.into,
    prefix: args.prefix,
    libs: args.libs,
    recordSources: args['record-sources'],
    keepPrivileges: args['keep-privileges'],
    root: args.root,
    library: args.library,
    dlopen: args.dlopen,
    files: filesOf(args),
    hwcaps: args.hwcaps,
    gconv: args.gconv,
    locales: args.locale,
    isolate: args.isolate,
    symbols: args.symbols,
    launcher: args.launcher,
    shell: args.shell,
    onProgress: showProgress(output),
  });
  for (const note of result.notes) output.warn(note);
  const lacking =
    traced && findUnbundled(traced, {programs: sourcesIn(programs), sources: sourcesIn(result.files)});
  if (args.json) output.json({...bundleToJson(result), ...unbundledToJson(traced, lacking)});
  else printBundle(result, output);
  if (traced && lacking && !args.json) printUnbundled(traced, lacking, output);
}

function checkUsage(args: Arguments): void {
  checkTrace(args);
  if (!args.relocatable) return;
  const fixed = (['prefix', 'launcher', 'shell', 'record-sources', 'keep-privileges'] as const).filter(
    (name) => args[name] !== undefined && args[name] !== 'interp',
  );
  if (fixed.length > 0 || args.isolate === false)
    throw new UsageError(
      `--relocatable cannot be combined with ${fixed[0] ? `--${fixed[0]}` : '--no-isolate'}`,
    );
}

async function relocatable(args: Arguments, traced: TracedRun | undefined, output: Output): Promise<void> {
  const programs = programsOf(args);
  const result = await bundleRelocatable(programs, {
    into: args.into,
    root: args.root,
    library: args.library,
    dlopen: args.dlopen,
    files: filesOf(args),
    hwcaps: args.hwcaps,
    gconv: args.gconv,
    locales: args.locale,
    onProgress: showProgress(output),
  });
  for (const note of result.notes) output.warn(note);
  const {directory, files, directories, environment} = result;
  const lacking = traced && findUnbundled(traced, {programs: sourcesIn(programs), sources: sourcesIn(files)});
  if (args.json)
    output.json({directory, files, directories, environment, ...unbundledToJson(traced, lacking)});
  else {
    for (const {path, source, resolved} of files)
      output.line(safe`${path}  ${source}${resolvedInWords(resolved)}`);
    for (const path of directories) output.line(safe`${path}/  (an empty directory)`);
  }
  if (traced && lacking && !args.json) printUnbundled(traced, lacking, output);
}

function sourcesIn(files: readonly {readonly source: string}[]): string[] {
  return files.map(({source}) => source);
}

function programsOf(args: Arguments): BundleProgram[] {
  return args.programs.map(parseFile);
}

function filesOf(args: Arguments): DataFile[] {
  const resolve = args['resolve-files'];
  return (args.file ?? []).map((text) => ({...parseFile(text), resolve}));
}

/** SRC[=DST]; a name with an equals sign in it is written as SRC=DST. */
function parseFile(text: string): {source: string; target: string | undefined} {
  const equals = text.lastIndexOf('=');
  return equals < 0
    ? {source: text, target: undefined}
    : {source: text.slice(0, equals), target: text.slice(equals + 1)};
}
