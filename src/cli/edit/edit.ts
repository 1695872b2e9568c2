import {
  checkRequest,
  type EditRequest,
  ElfError,
  type ElfFile,
  readText,
  shrinkSearchPath,
} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import {given} from '../given.js';
import {optionFor} from '../option-for.js';
import type {Output} from '../output.js';
import {applyToFiles} from './apply-edit.js';
import type {edit as definition} from './definition.js';
import {parseSymbolMap} from './symbol-map.js';

type Arguments = ArgumentsOf<typeof definition>;

export function run(args: Arguments, output: Output): Promise<undefined> {
  const request = requestOf(args);
  checkUsage(args, request);
  const prefixes = args['allowed-rpath-prefixes']?.split(':');
  const wanted = (file: ElfFile) =>
    args['shrink-rpath'] ? withShrunkPath(file, request, prefixes) : request;
  return applyToFiles(filesOf(args), wanted, args, output);
}

/** Fields that change nothing by themselves. */
const modifiers: ReadonlySet<string> = new Set(['allowRelative', 'addInterpreter', 'pageSize', 'payload']);

/** Refuse what makes no sense for any file. */
function checkUsage(args: Arguments, request: EditRequest): void {
  if (args['shrink-rpath'] && changesPath(request))
    throw new UsageError('--shrink-rpath cannot be combined with other changes of the search path');
  if (args['add-interpreter'] && args.interpreter === undefined)
    throw new UsageError('--add-interpreter requires --interpreter');
  if (args.null && args['files-from'] === undefined) throw new UsageError('--null requires --files-from');
  if (!args['shrink-rpath'] && Object.keys(request).every((key) => modifiers.has(key)))
    throw new UsageError('nothing to edit: specify at least one change');
  // A bad interpreter is reported for each file, as `set` does.
  const {interpreter: _, addInterpreter: __, ...others} = request;
  try {
    checkRequest(others);
  } catch (error) {
    if (error instanceof ElfError && error.code === 'BAD_REQUEST')
      throw new UsageError(error.messageFor(optionFor));
    throw error;
  }
}

function changesPath({rpath, runpath, addRpath, removeRpath, convertRpath}: EditRequest): boolean {
  return [rpath, runpath, addRpath, removeRpath, convertRpath].some((value) => value !== undefined);
}

function requestOf(args: Arguments): EditRequest {
  const {'default-lib': isSearched, 'page-size': pageSize} = args;
  return given({
    interpreter: args.interpreter,
    allowRelative: args['allow-relative'] || undefined,
    addInterpreter: args['add-interpreter'] || undefined,
    rpath: args.rpath,
    runpath: args.runpath,
    convertRpath: args['convert-rpath'],
    addRpath: args['add-rpath'],
    removeRpath: args['remove-rpath'] || undefined,
    addNeeded: args['add-needed'],
    addNeededFirst: args['add-needed-first'],
    removeNeeded: args['remove-needed'],
    replaceNeeded: pairs('replace-needed', args['replace-needed']),
    soname: args.soname,
    noDefaultLib: isSearched === undefined ? undefined : !isSearched,
    execStack: args['exec-stack'],
    osAbi: args['os-abi'],
    payload: args.payload,
    pageSize: pageSize === undefined ? undefined : Number(pageSize),
    addDebugTag: args['add-debug-tag'] || undefined,
    clearSymbolVersions: args['clear-symbol-version'],
    renameSymbols: renamesOf(pairs('rename-symbol', args['rename-symbol']), args['rename-symbols']),
  });
}

function pairs(
  option: string,
  values: readonly string[] | undefined,
): Readonly<Record<string, string>> | undefined {
  if (values === undefined) return undefined;
  return Object.fromEntries(
    values.map((value) => {
      const at = value.indexOf('=');
      if (at < 1) throw new UsageError(`--${option} requires OLD=NEW`);
      return [value.slice(0, at), value.slice(at + 1)];
    }),
  );
}

function renamesOf(
  named: Readonly<Record<string, string>> | undefined,
  file: string | undefined,
): Readonly<Record<string, string>> | undefined {
  if (file === undefined) return named;
  return {...parseSymbolMap(readText(file), file), ...named};
}

/** The files named, and those listed in a file. */
function filesOf(args: Arguments): readonly string[] {
  const named = args.files ?? [];
  const listing = args['files-from'];
  if (listing === undefined) {
    if (named.length === 0) throw new UsageError('name a file, or a list of files with --files-from');
    return named;
  }
  const listed = readText(listing).split(args.null ? '\0' : '\n');
  return [...named, ...listed.filter((line) => line !== '')];
}

/** A request that sets what is left of the file's search path. */
function withShrunkPath(
  {view}: ElfFile,
  request: EditRequest,
  allowedPrefixes: readonly string[] | undefined,
): EditRequest {
  const path = shrinkSearchPath(view, {allowedPrefixes});
  if (path === undefined) return request;
  return view.dynamic?.runpath === undefined ? {...request, rpath: path} : {...request, runpath: path};
}
