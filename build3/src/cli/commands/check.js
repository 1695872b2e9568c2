import {checkElf, hex} from '../../index.js';
import {eachFile, resultsToJson} from '../each-file.js';
import {exitStatus} from '../output.js';
export function run(args, output) {
  let found = 0;
  const results = eachFile(args.files, output, ({view}, path) => {
    const problems = checkElf(view);
    found += problems.length;
    if (!args.json) for (const problem of problems) output.line(`${path}: ${describe(problem)}`);
    return {problems};
  });
  if (args.json) output.json(resultsToJson(results));
  return found > 0 ? exitStatus.failed : undefined;
}
function describe({code, message, offset}) {
  return `${message} [${code} at offset ${hex(offset)}]`;
}
//# sourceMappingURL=check.js.map
