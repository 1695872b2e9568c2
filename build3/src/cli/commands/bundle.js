import {bundle} from '../../index.js';
import {bundleToJson, printBundle} from '../print-bundle.js';
export async function run(args, output) {
  const result = await bundle(args.programs, {
    into: args.into,
    prefix: args.prefix,
    libs: args.libs,
    root: args.root,
    library: args.library,
    files: (args.file ?? []).map(parseFile),
    isolate: args.isolate,
    launcher: args.launcher,
    shell: args.shell,
  });
  for (const note of result.notes) output.note(note);
  if (args.json) output.json(bundleToJson(result));
  else printBundle(result, output);
}
/** SRC[=DST]; a name with an equals sign in it is written as SRC=DST. */
function parseFile(text) {
  const equals = text.lastIndexOf('=');
  return equals < 0
    ? {source: text, target: undefined}
    : {source: text.slice(0, equals), target: text.slice(equals + 1)};
}
//# sourceMappingURL=bundle.js.map
