import {readText, shrinkSearchPath} from '../../index.js';
import {applyToFiles} from '../apply-edit.js';
import {exitStatus} from '../output.js';
import {parseSymbolMap} from '../symbol-map.js';
export function run(args, output) {
  const complain = (what) => {
    output.note(`${what}; see elfinterp edit --help`);
    return exitStatus.usage;
  };
  try {
    const request = requestOf(args);
    const isShrunk = args['shrink-rpath'] === true;
    const isEmpty = Object.keys(request).every((key) => modifiers.has(key));
    if (isEmpty && !isShrunk) return complain('nothing to edit: give at least one change');
    if (isShrunk && changesPath(request))
      return complain('--shrink-rpath goes with no other change of the search path');
    const files = filesOf(args);
    if (files === undefined) return complain('name a file, or a list of files with --files-from');
    const prefixes = args['allowed-rpath-prefixes']?.split(':');
    const wanted = (file) => (isShrunk ? withShrunkPath(file, request, prefixes) : request);
    return applyToFiles(files, wanted, args, output);
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message);
    throw error;
  }
}
/** Fields that change nothing by themselves. */
const modifiers = new Set(['allowRelative', 'addInterpreter', 'payload']);
class UsageError extends Error {}
function requestOf(args) {
  const text = (name) => args[name];
  const list = (name) => args[name];
  const yes = (name) => (args[name] === true ? true : undefined);
  const isSearched = args['default-lib'];
  const fields = {
    interpreter: text('interpreter'),
    allowRelative: yes('allow-relative'),
    addInterpreter: yes('add-interpreter'),
    rpath: text('rpath'),
    runpath: text('runpath'),
    convertRpath: text('convert-rpath'),
    addRpath: text('add-rpath'),
    removeRpath: yes('remove-rpath'),
    addNeeded: list('add-needed'),
    addNeededFirst: list('add-needed-first'),
    removeNeeded: list('remove-needed'),
    replaceNeeded: pairs('replace-needed', list('replace-needed')),
    soname: text('soname'),
    noDefaultLib: isSearched === undefined ? undefined : !isSearched,
    execStack: args['exec-stack'],
    osAbi: text('os-abi'),
    payload: text('payload'),
    addDebugTag: yes('add-debug-tag'),
    clearSymbolVersions: list('clear-symbol-version'),
    renameSymbols: renamesOf(pairs('rename-symbol', list('rename-symbol')), text('rename-symbols')),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
function pairs(option, values) {
  if (values === undefined) return undefined;
  return Object.fromEntries(
    values.map((value) => {
      const at = value.indexOf('=');
      if (at < 1) throw new UsageError(`--${option} wants OLD=NEW`);
      return [value.slice(0, at), value.slice(at + 1)];
    }),
  );
}
function renamesOf(named, file) {
  if (file === undefined) return named;
  return {...parseSymbolMap(readText(file), file), ...named};
}
/** The files named, and those listed in a file; undefined when neither was asked for. */
function filesOf(args) {
  const named = args.files ?? [];
  const listing = args['files-from'];
  if (listing !== undefined)
    return [
      ...named,
      ...readText(listing)
        .split('\n')
        .filter((line) => line !== ''),
    ];
  return named.length === 0 ? undefined : named;
}
function changesPath({rpath, runpath, addRpath, removeRpath, convertRpath}) {
  return [rpath, runpath, addRpath, removeRpath, convertRpath].some((value) => value !== undefined);
}
/** A request with the search path that is left of the one in the file. */
function withShrunkPath({view}, request, allowedPrefixes) {
  const path = shrinkSearchPath(view, {allowedPrefixes});
  if (path === undefined) return request;
  return view.dynamic?.runpath === undefined ? {...request, rpath: path} : {...request, runpath: path};
}
//# sourceMappingURL=edit.js.map
