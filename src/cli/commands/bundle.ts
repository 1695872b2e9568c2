import {
  bundle,
  bundleRelocatable,
  type DataFile,
  type DlopenLevel,
  findUnbundled,
  type TracedRun,
  traceCommand,
} from '../../index.js';
import type {Arguments} from '../command.js';
import {exitStatus, type Output} from '../output.js';
import {bundleToJson, printBundle, resolvedInWords} from '../print-bundle.js';
import {printUnbundled, traceProblem, unbundledToJson} from '../print-unbundled.js';
import {showProgress} from '../progress.js';
import {safe} from '../safe-text.js';

export async function run(args: Arguments, output: Output): Promise<number | undefined> {
  const wrong = traceProblem(args) ?? (args.relocatable ? relocatableProblem(args) : undefined);
  if (wrong !== undefined) {
    output.note(safe`${wrong}; see elfinterp bundle --help`);
    return exitStatus.usage;
  }
  const traced = args.trace ? await traceCommand(args['--'] as string[]) : undefined;
  const make = args.relocatable ? relocatable : fixed;
  await make(args, traced, output);
  return undefined;
}

async function fixed(args: Arguments, traced: TracedRun | undefined, output: Output): Promise<void> {
  const result = await bundle(args.programs as string[], {
    into: args.into as string,
    prefix: args.prefix as string | undefined,
    libs: args.libs as string,
    root: args.root as string | undefined,
    library: args.library as string[] | undefined,
    dlopen: args.dlopen as DlopenLevel | undefined,
    files: filesOf(args),
    hwcaps: args.hwcaps as 'all' | undefined,
    gconv: args.gconv as boolean | undefined,
    locales: args.locale as string[] | undefined,
    isolate: args.isolate as boolean,
    keepPrivileges: args['keep-privileges'] as boolean | undefined,
    symbols: args.symbols as boolean | undefined,
    launcher: args.launcher as 'interp' | 'wrapper',
    shell: args.shell as string | undefined,
    onProgress: showProgress(output),
  });
  for (const note of result.notes) output.warn(note);
  const lacking =
    traced && findUnbundled(traced, {programs: args.programs as string[], sources: result.sources});
  if (args.json) output.json({...bundleToJson(result), ...unbundledToJson(traced, lacking)});
  else printBundle(result, output);
  if (traced && lacking && !args.json) printUnbundled(traced, lacking, output);
}

function relocatableProblem(args: Arguments): string | undefined {
  const fixed = ['prefix', 'launcher', 'shell', 'keep-privileges'].filter(
    (name) => args[name] !== undefined && args[name] !== 'interp',
  );
  if (fixed.length === 0 && args.isolate !== false) return undefined;
  return `--relocatable cannot be combined with ${fixed[0] ? `--${fixed[0]}` : '--no-isolate'}`;
}

async function relocatable(args: Arguments, traced: TracedRun | undefined, output: Output): Promise<void> {
  const result = await bundleRelocatable(args.programs as string[], {
    into: args.into as string,
    root: args.root as string | undefined,
    library: args.library as string[] | undefined,
    dlopen: args.dlopen as DlopenLevel | undefined,
    files: filesOf(args),
    hwcaps: args.hwcaps as 'all' | undefined,
    gconv: args.gconv as boolean | undefined,
    locales: args.locale as string[] | undefined,
    onProgress: showProgress(output),
  });
  for (const note of result.notes) output.warn(note);
  const {directory, files, directories, environment} = result;
  const sources = files.map(({source}) => source);
  const lacking = traced && findUnbundled(traced, {programs: args.programs as string[], sources});
  if (args.json)
    output.json({directory, files, directories, environment, ...unbundledToJson(traced, lacking)});
  else {
    for (const {path, source, resolved} of files)
      output.line(safe`${path}  ${source}${resolvedInWords(resolved)}`);
    for (const path of directories) output.line(safe`${path}/  (an empty directory)`);
  }
  if (traced && lacking && !args.json) printUnbundled(traced, lacking, output);
}

function filesOf(args: Arguments): DataFile[] {
  const resolve = args['resolve-files'] as boolean;
  return ((args.file as string[] | undefined) ?? []).map((text) => ({...parseFile(text), resolve}));
}

/** SRC[=DST]; a name with an equals sign in it is written as SRC=DST. */
function parseFile(text: string): {source: string; target: string | undefined} {
  const equals = text.lastIndexOf('=');
  return equals < 0
    ? {source: text, target: undefined}
    : {source: text.slice(0, equals), target: text.slice(equals + 1)};
}
