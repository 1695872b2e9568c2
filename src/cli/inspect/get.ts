import {type ElfView, noInterpreter} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import {eachFile, resultsToJson} from '../each-file.js';
import {inside} from '../inside.js';
import type {Output} from '../output.js';
import type {get as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

type Field = 'interpreter' | 'rpath' | 'soname';

export function run(args: Arguments, output: Output): undefined {
  const files = args.files;
  if (args.rpath && args.soname) throw new UsageError('--rpath and --soname are mutually exclusive');
  const field: Field = args.rpath ? 'rpath' : args.soname ? 'soname' : 'interpreter';
  if (args.json) {
    output.json(
      resultsToJson(eachFile(files, output, ({view}, path) => describe(inside(view, path, output)))),
    );
    return;
  }
  eachFile(files, output, ({view}, path) => {
    const text = read(inside(view, path, output), field);
    output.data(files.length > 1 ? `${path}: ${text}` : text);
  });
}

function read(view: ElfView, field: Field): string {
  if (field === 'soname') return view.dynamic?.soname ?? '';
  if (field === 'rpath') return view.dynamic?.runpath ?? view.dynamic?.rpath ?? '';
  const {interpreter} = view;
  if (interpreter !== undefined) return interpreter.path;
  throw noInterpreter(view);
}

function describe(view: ElfView): object {
  const {dynamic} = view;
  return {
    interpreter: view.interpreter?.path ?? null,
    rpath: dynamic?.rpath ?? null,
    runpath: dynamic?.runpath ?? null,
    soname: dynamic?.soname ?? null,
  };
}
