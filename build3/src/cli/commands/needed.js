import {findElfFiles} from '../../index.js';
import {resultsToJson, withEachFile} from '../each-file.js';
import {exitStatus} from '../output.js';
export function run(args, output) {
  const named = args.files ?? [];
  const directories = args.recursive ?? [];
  if (named.length + directories.length === 0) {
    output.note('name a file, or a directory with -r; see elfinterp needed --help');
    return exitStatus.usage;
  }
  const list = args.json ? output.jsonList() : undefined;
  const several = named.length > 1 || directories.length > 0;
  const files = concatenate(named, ...directories.map(findElfFiles));
  for (const result of withEachFile(files, output, ({view}) => ({needed: view.dynamic?.needed ?? []}))) {
    for (const item of list === undefined ? [] : resultsToJson([result])) list?.add(item);
    if (list !== undefined || !('value' in result)) continue;
    const {file, value} = result;
    for (const name of value.needed) output.line(several ? `${file}: ${name}` : name);
  }
  list?.end();
  return undefined;
}
function* concatenate(...parts) {
  for (const part of parts) yield* part;
}
//# sourceMappingURL=needed.js.map
