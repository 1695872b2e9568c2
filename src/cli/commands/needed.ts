import {findElfFiles} from '../../index.js';
import type {Arguments} from '../command.js';
import {eachFile, resultsToJson} from '../each-file.js';
import {exitStatus, type Output} from '../output.js';

export function run(args: Arguments, output: Output): number | undefined {
  const named = (args.files as string[] | undefined) ?? [];
  const directory = args.recursive as string | undefined;
  if (named.length === 0 && directory === undefined) {
    output.note('name a file, or a directory with -r; see elfinterp needed --help');
    return exitStatus.usage;
  }
  const files = directory === undefined ? named : [...named, ...findElfFiles(directory)];
  const results = eachFile(files, output, ({view}, path) => {
    const needed = view.dynamic?.needed ?? [];
    if (!args.json) {
      for (const name of needed)
        output.line(files.length > 1 || directory !== undefined ? `${path}: ${name}` : name);
    }
    return {needed};
  });
  if (args.json) output.json(resultsToJson(results));
  return undefined;
}
