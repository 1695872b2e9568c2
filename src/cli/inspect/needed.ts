import {type ElfFile, findElfFiles, type OnUnreadable} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import {resultsToJson, withEachFile} from '../each-file.js';
import {inside} from '../inside.js';
import {optimizeLate} from '../optimize-late.js';
import type {Output} from '../output.js';
import type {needed as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export function run(args: Arguments, output: Output): undefined {
  const named = args.files ?? [];
  const directories = args.recursive ?? [];
  if (named.length + directories.length === 0) throw new UsageError('name a file, or a directory with -r');
  const list = args.json ? output.jsonList() : undefined;
  const several = named.length > 1 || directories.length > 0;
  using _late = several ? optimizeLate() : undefined;
  const onUnreadable: OnUnreadable = (error) => {
    output.error(error);
    for (const item of resultsToJson([{file: error.path ?? '', error}])) list?.add(item);
  };
  const found = directories.map((directory) => findElfFiles(directory, onUnreadable));
  const files = concatenate(named, ...found);
  const neededBy = ({view}: ElfFile, path: string) => ({
    needed: inside(view, path, output).dynamic?.needed ?? [],
  });
  for (const result of withEachFile(files, output, neededBy, {recycle: true})) {
    for (const item of list === undefined ? [] : resultsToJson([result])) list?.add(item);
    if (list !== undefined || !('value' in result)) continue;
    const {file, value} = result;
    for (const name of value.needed) output.data(several ? `${file}: ${name}` : name);
  }
  list?.end();
}

function* concatenate(...parts: readonly Iterable<string>[]): Generator<string> {
  for (const part of parts) yield* part;
}
