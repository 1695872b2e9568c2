import {bundle} from '../../index.js';
import type {Arguments} from '../command.js';
import type {Output} from '../output.js';
import {bundleToJson, printBundle} from '../print-bundle.js';
import {showProgress} from '../progress.js';

export async function run(args: Arguments, output: Output): Promise<undefined> {
  const result = await bundle(args.programs as string[], {
    into: args.into as string,
    prefix: args.prefix as string,
    libs: args.libs as string,
    root: args.root as string | undefined,
    library: args.library as string[] | undefined,
    files: ((args.file as string[] | undefined) ?? []).map(parseFile),
    isolate: args.isolate as boolean,
    symbols: args.symbols as boolean | undefined,
    launcher: args.launcher as 'interp' | 'wrapper',
    shell: args.shell as string | undefined,
    onProgress: showProgress(output),
  });
  for (const note of result.notes) output.warn(note);
  if (args.json) output.json(bundleToJson(result));
  else printBundle(result, output);
}

/** SRC[=DST]; a name with an equals sign in it is written as SRC=DST. */
function parseFile(text: string): {source: string; target: string | undefined} {
  const equals = text.lastIndexOf('=');
  return equals < 0
    ? {source: text, target: undefined}
    : {source: text.slice(0, equals), target: text.slice(equals + 1)};
}
