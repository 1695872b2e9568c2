import {
  checkRequest,
  type EditRequest,
  ElfError,
  type ElfFile,
  readText,
  shrinkSearchPath,
} from '../../index.js';
import {applyToFiles} from '../apply-edit.js';
import type {Arguments} from '../command.js';
import {exitStatus, type Output} from '../output.js';
import {safe} from '../safe-text.js';
import {parseSymbolMap} from '../symbol-map.js';

export function run(args: Arguments, output: Output): number | undefined | Promise<number | undefined> {
  const complain = (what: string) => {
    output.note(safe`${what}; see elfinterp edit --help`);
    return exitStatus.usage;
  };
  try {
    const request = requestOf(args);
    const contradiction = contradictionIn(args, request);
    if (contradiction !== undefined) return complain(contradiction);
    const isShrunk = args['shrink-rpath'] === true;
    const isEmpty = Object.keys(request).every((key) => modifiers.has(key));
    if (isEmpty && !isShrunk) return complain('nothing to edit: specify at least one change');
    // What is wrong with an interpreter is said of each file, as `set` does.
    const {interpreter: _, addInterpreter: __, ...others} = request;
    checkRequest(others);
    const files = filesOf(args);
    if (files === undefined) return complain('name a file, or a list of files with --files-from');
    const prefixes = (args['allowed-rpath-prefixes'] as string | undefined)?.split(':');
    const wanted = (file: ElfFile) => (isShrunk ? withShrunkPath(file, request, prefixes) : request);
    return applyToFiles(files, wanted, args, output);
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message);
    if (error instanceof ElfError && error.code === 'BAD_REQUEST')
      return complain(error.messageFor(optionOf));
    throw error;
  }
}

/** The option that stands for a field of a request. */
function optionOf(field: string): string {
  return optionNames[field] ?? field;
}

const optionNames: Readonly<Record<string, string>> = {
  rpath: '--rpath',
  runpath: '--runpath',
  convertRpath: '--convert-rpath',
  addRpath: '--add-rpath',
  removeRpath: '--remove-rpath',
  addNeeded: '--add-needed',
  addNeededFirst: '--add-needed-first',
  removeNeeded: '--remove-needed',
  replaceNeeded: '--replace-needed',
  soname: '--soname',
  clearSymbolVersions: '--clear-symbol-version',
  renameSymbols: '--rename-symbol',
};

/** Fields that change nothing by themselves. */
const modifiers: ReadonlySet<string> = new Set(['allowRelative', 'addInterpreter', 'pageSize', 'payload']);

class UsageError extends Error {}

/** What makes no sense for any file, of options that are no field of a request. */
function contradictionIn(args: Arguments, request: EditRequest): string | undefined {
  if (args['shrink-rpath'] === true && changesPath(request))
    return '--shrink-rpath cannot be combined with other changes of the search path';
  if (args['add-interpreter'] === true && args.interpreter === undefined)
    return '--add-interpreter requires --interpreter';
  if (args.null === true && args['files-from'] === undefined) return '--null requires --files-from';
  return undefined;
}

function changesPath({rpath, runpath, addRpath, removeRpath, convertRpath}: EditRequest): boolean {
  return [rpath, runpath, addRpath, removeRpath, convertRpath].some((value) => value !== undefined);
}

function requestOf(args: Arguments): EditRequest {
  const text = (name: string) => args[name] as string | undefined;
  const list = (name: string) => args[name] as string[] | undefined;
  const yes = (name: string) => (args[name] === true ? true : undefined);
  const isSearched = args['default-lib'] as boolean | undefined;
  const fields = {
    interpreter: text('interpreter'),
    allowRelative: yes('allow-relative'),
    addInterpreter: yes('add-interpreter'),
    rpath: text('rpath'),
    runpath: text('runpath'),
    convertRpath: text('convert-rpath') as 'rpath' | 'runpath' | undefined,
    addRpath: text('add-rpath'),
    removeRpath: yes('remove-rpath'),
    addNeeded: list('add-needed'),
    addNeededFirst: list('add-needed-first'),
    removeNeeded: list('remove-needed'),
    replaceNeeded: pairs('replace-needed', list('replace-needed')),
    soname: text('soname'),
    noDefaultLib: isSearched === undefined ? undefined : !isSearched,
    execStack: args['exec-stack'] as boolean | undefined,
    osAbi: text('os-abi'),
    payload: text('payload') as EditRequest['payload'],
    pageSize: args['page-size'] === undefined ? undefined : Number(text('page-size')),
    addDebugTag: yes('add-debug-tag'),
    clearSymbolVersions: list('clear-symbol-version'),
    renameSymbols: renamesOf(pairs('rename-symbol', list('rename-symbol')), text('rename-symbols')),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
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

/** The files named, and those listed in a file; undefined when neither was asked for. */
function filesOf(args: Arguments): string[] | undefined {
  const named = (args.files as string[] | undefined) ?? [];
  const listing = args['files-from'] as string | undefined;
  if (listing !== undefined)
    return [
      ...named,
      ...readText(listing)
        .split(args.null === true ? '\0' : '\n')
        .filter((line) => line !== ''),
    ];
  return named.length === 0 ? undefined : named;
}

/** A request with the search path that is left of the one in the file. */
function withShrunkPath(
  {view}: ElfFile,
  request: EditRequest,
  allowedPrefixes: readonly string[] | undefined,
): EditRequest {
  const path = shrinkSearchPath(view, {allowedPrefixes});
  if (path === undefined) return request;
  return view.dynamic?.runpath === undefined ? {...request, rpath: path} : {...request, runpath: path};
}
