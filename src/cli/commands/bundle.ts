import {bundle} from '../../index.js';
import type {Arguments} from '../command.js';
import type {Output} from '../output.js';

export async function run(args: Arguments, output: Output): Promise<undefined> {
  const result = await bundle(args.programs as string[], {
    into: args.into as string,
    prefix: args.prefix as string,
    libs: args.libs as string,
    root: args.root as string | undefined,
    library: args.library as string[] | undefined,
    files: ((args.file as string[] | undefined) ?? []).map(parseFile),
    isolate: args.isolate as boolean,
  });
  for (const note of result.notes) output.note(note);
  const {manifest, manifestPath, written, isolated} = result;
  if (args.json) {
    output.json({...manifest, manifestPath, written, isolated: isolated ?? null});
    return;
  }
  for (const {path, interpreter} of manifest.programs) {
    output.line(interpreter === null ? `${path}  (static, copied as it is)` : `${path}  ->  ${interpreter}`);
  }
  for (const {path, source} of manifest.files.filter(({role}) => role !== 'program'))
    output.line(`${path}  <-  ${source}`);
  output.progress(
    written
      ? 'the bundle is complete, nothing it needs lies outside'
      : 'the bundle is there already, nothing was written',
  );
}

/** SRC[=DST]; a name with an equals sign in it is written as SRC=DST. */
function parseFile(text: string): {source: string; target: string | undefined} {
  const equals = text.lastIndexOf('=');
  return equals < 0
    ? {source: text, target: undefined}
    : {source: text.slice(0, equals), target: text.slice(equals + 1)};
}
