import {type BundleProgram, bundle, bundleRelocatable, type DataFile} from '../../index.js';
import type {Arguments} from '../command.js';
import {exitStatus, type Output} from '../output.js';
import {bundleToJson, printBundle, resolvedInWords} from '../print-bundle.js';
import {showProgress} from '../progress.js';
import {safe} from '../safe-text.js';

export async function run(args: Arguments, output: Output): Promise<number | undefined> {
  if (args.relocatable) return relocatable(args, output);
  const result = await bundle(programsOf(args), {
    into: args.into as string,
    prefix: args.prefix as string | undefined,
    libs: args.libs as string | undefined,
    root: args.root as string | undefined,
    library: args.library as string[] | undefined,
    files: filesOf(args),
    isolate: args.isolate as boolean,
    symbols: args.symbols as boolean | undefined,
    recordSources: args['record-sources'] as boolean | undefined,
    launcher: args.launcher as 'interp' | 'wrapper',
    shell: args.shell as string | undefined,
    onProgress: showProgress(output),
  });
  for (const note of result.notes) output.warn(note);
  if (args.json) output.json(bundleToJson(result));
  else printBundle(result, output);
  return undefined;
}

async function relocatable(args: Arguments, output: Output): Promise<number | undefined> {
  const fixed = ['prefix', 'launcher', 'shell', 'record-sources'].filter(
    (name) => args[name] !== undefined && args[name] !== 'interp',
  );
  if (fixed.length > 0 || args.isolate === false) {
    output.note(
      safe`--relocatable cannot be combined with ${fixed[0] ? `--${fixed[0]}` : '--no-isolate'}; see elfinterp bundle --help`,
    );
    return exitStatus.usage;
  }
  const result = await bundleRelocatable(programsOf(args), {
    into: args.into as string,
    root: args.root as string | undefined,
    library: args.library as string[] | undefined,
    files: filesOf(args),
    onProgress: showProgress(output),
  });
  for (const note of result.notes) output.warn(note);
  const {directory, files, directories} = result;
  if (args.json) output.json({directory, files, directories});
  else {
    for (const {path, source, resolved} of files)
      output.line(safe`${path}  ${source}${resolvedInWords(resolved)}`);
    for (const path of directories) output.line(safe`${path}/  (an empty directory)`);
  }
  return undefined;
}

function programsOf(args: Arguments): BundleProgram[] {
  return (args.programs as string[]).map(parseFile);
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
