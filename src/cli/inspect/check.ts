import {checkElf, checkElfNotes, hex, type Problem} from '../../index.js';
import type {ArgumentsOf} from '../command.js';
import {eachFile, resultsToJson} from '../each-file.js';
import {inside} from '../inside.js';
import {exitStatus, type Output} from '../output.js';
import {safe} from '../safe-text.js';
import type {check as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export function run(args: Arguments, output: Output): number | undefined {
  let found = 0;
  const results = eachFile(args.files, output, ({view}, path) => {
    const program = inside(view, path, output);
    const problems = [...checkElf(view), ...(program === view ? [] : checkElf(program))];
    found += problems.length;
    const notes = checkElfNotes(view);
    if (!args.json) {
      for (const problem of problems) output.line(safe`${path}: ${describe(problem)}`);
      for (const note of notes) output.line(safe`${path}: note: ${describe(note)}`);
    }
    return {problems, notes};
  });
  if (args.json) output.json(resultsToJson(results));
  return found > 0 ? exitStatus.failed : undefined;
}

function describe({code, message, offset}: Problem): string {
  return `${message} [${code} at offset ${hex(offset)}]`;
}
