import {
  ElfError,
  findElfFilesInside,
  findModuleLoading,
  findUndefinedSymbols,
  type Miss,
  type OnUnreadable,
  placesInWords,
  type ResolvedTree,
  Resolver,
  type ResolveTreeOptions,
  shortened,
} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import {given} from '../given.js';
import {optimizeLate} from '../optimize-late.js';
import type {Output} from '../output.js';
import {enumerate, safe} from '../safe-text.js';
import type {tree as definition} from './definition.js';
import type {Format} from './formats.js';
import {createReport, type Report, type Resolved} from './report.js';
import {versionInWords} from './text.js';
import {groupBy, symbolInWords} from './words.js';

type Arguments = ArgumentsOf<typeof definition>;

export async function run(args: Arguments, output: Output): Promise<undefined> {
  checkUsage(args);
  const format = formatOf(args);
  const report = createReport({format, why: args.why, reverse: args.reverse, all: Boolean(args.all)}, output);
  resolveAll(args, format, report, output);
  const isFound = await report.end();
  if (!isFound && !output.failed) {
    output.error(new ElfError('NOT_FOUND', `nothing needs ${args.why ?? args.reverse}`));
  }
}

function resolveAll(args: Arguments, format: Format, report: Report, output: Output): void {
  using _late = optimizeLate();
  const resolver = new Resolver(resolveOptions(args));
  const fail = (error: unknown, file: string) => {
    output.error(error, file);
    report.fail?.(file, error);
  };
  for (const {file, isNamed} of filesOf(args, resolver, output, (error) => fail(error, error.path ?? ''))) {
    try {
      const tree = resolver.resolve(file);
      // In a directory, only files that a loader handles are of interest.
      if (!isNamed && tree.interpreter === undefined) continue;
      const resolved = {file, tree, ...lookCloser(tree, args, format)};
      report.add(resolved);
      reportProblems(resolved, format, output);
    } catch (error) {
      if (isNamed || !isUnlinked(error)) fail(error, file);
    }
  }
}

/** Directories also hold object files and the like, which no loader touches. */
function isUnlinked(error: unknown): boolean {
  return error instanceof ElfError && error.code === 'UNSUPPORTED';
}

function checkUsage(args: Arguments): void {
  if ((args.files ?? []).length === 0 && args.recursive === undefined)
    throw new UsageError('name a file, or a directory with -r');
  const formats = [args.list, args.json, args.format !== undefined].filter(Boolean);
  if (formats.length > 1) throw new UsageError('--list, --json and --format are mutually exclusive');
  if (args.why !== undefined && args.reverse !== undefined)
    throw new UsageError('--why and --reverse are mutually exclusive');
  const format = formatOf(args);
  if (args.why !== undefined && format !== 'text' && format !== 'json')
    throw new UsageError('--why supports only text and JSON');
  if (args.reverse !== undefined && format === 'list')
    throw new UsageError('--reverse does not support --list');
}

function formatOf(args: Arguments): Format {
  if (args.list) return 'list';
  return args.json ? 'json' : (args.format ?? 'text');
}

function resolveOptions(args: Arguments): ResolveTreeOptions {
  return given({
    root: args.root,
    libraryPath: args['library-path'],
    preload: args.preload?.flatMap((names) => names.split(/[ :]+/)),
    library: args.library,
    hwcaps: args.hwcaps,
    dlopen: args.dlopen,
  });
}

function* filesOf(
  args: Arguments,
  resolver: Resolver,
  output: Output,
  onUnreadable: OnUnreadable,
): Generator<{file: string; isNamed: boolean}> {
  const named = args.files ?? [];
  let done = 0;
  for (const file of named) {
    if (named.length > 1) output.status(safe`${++done} of ${named.length}: ${file}`);
    yield {file, isNamed: true};
  }
  for (const directory of args.recursive ?? []) {
    for (const file of findElfFilesInside(resolver.root, directory, onUnreadable)) {
      output.status(safe`${++done} files: ${file}`);
      yield {file, isNamed: false};
    }
  }
}

/** Symbols cost as much to read as everything else together, so those of the libraries are read only on request. */
function lookCloser(
  tree: ResolvedTree,
  {symbols, modules}: Arguments,
  format: Format,
): Pick<Resolved, 'undefinedSymbols' | 'moduleLoading'> {
  const program = {...tree, nodes: tree.nodes.slice(0, 1)};
  const forText = format === 'text' ? program : undefined;
  const scope = modules ? tree : forText;
  return {
    undefinedSymbols: symbols ? findUndefinedSymbols(tree) : undefined,
    moduleLoading: scope && findModuleLoading(scope),
  };
}

/** At most this many problems of one kind are printed for a program, and for this many libraries the places tried. */
const mostProblems = 1000;
const mostWithPlaces = 100;

/** Print a line on standard error for each thing that would keep the program from starting, whatever the format. */
function reportProblems({file, tree, undefinedSymbols = []}: Resolved, format: Format, output: Output): void {
  const misses = groupBy(
    tree.misses.filter(({optional}) => !optional),
    ({name}) => name,
  );
  const tell = <T>(problems: readonly T[], what: string, errorOf: (problem: T, i: number) => ElfError) => {
    for (const [i, problem] of problems.slice(0, mostProblems).entries()) output.error(errorOf(problem, i));
    const left = problems.length - mostProblems;
    if (left > 0) output.error(new ElfError('NOT_FOUND', `and ${left} more ${what}`, {path: file}));
  };
  tell([...misses.values()], 'not found', (same, i) =>
    missError(file, same, tree, format !== 'text' && i < mostWithPlaces),
  );
  tell(
    tree.versionProblems,
    'missing',
    (problem) => new ElfError('NOT_FOUND', versionInWords(problem, tree), {path: file}),
  );
  tell(
    undefinedSymbols,
    'undefined',
    (symbol) => new ElfError('NOT_FOUND', symbolInWords(symbol, tree), {path: file}),
  );
}

/** One error for a name, whatever asks for it; the places tried are those of the first request. */
function missError(file: string, misses: readonly Miss[], tree: ResolvedTree, withPlaces: boolean): ElfError {
  const [first] = misses;
  const {name = '', fatal} = first ?? {};
  const what = fatal === undefined ? 'was not found' : `makes the loader fail: ${shortened(fatal)}`;
  const askers = misses.flatMap(({requestedBy}) =>
    requestedBy === 0 ? [] : [tree.nodes[requestedBy]?.path ?? ''],
  );
  const by =
    askers.length === 0 || askers.length < misses.length ? '' : `, needed by ${enumerate(askers, 3)}`;
  const places = withPlaces && first !== undefined ? placesInWords(tree, first) : '';
  const facts = places === '' ? {} : {expected: `one of ${places}`};
  return new ElfError('NOT_FOUND', `${name} ${what}${by}`, {path: file, ...facts});
}
