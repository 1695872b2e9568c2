/*
 * patchelf's command line on this engine.
 *
 * As there, options come in any order and are carried out in a fixed one: print and set what concerns the header,
 * the SONAME, the interpreter, the stack, the search path, the libraries, then symbols. Print options print what
 * stands in the file before the edits. Messages and exit statuses are those that scripts look for; docs/patchelf.md
 * lists where the answers differ, and why.
 */
import {
  applyPlanSync,
  type EditRequest,
  ElfError,
  type ElfFile,
  type ElfView,
  isProgram,
  isStackExecutable,
  openElfToEditSync,
  osAbiName,
  planEdit,
  requireLinked,
  shrinkSearchPath,
} from '../index.js';
import {type PatchelfOptions, PatchelfUsage, parsePatchelf, patchelfHelp} from './patchelf-options.js';
import {writeTo} from './streams.js';

/** The patchelf release whose options and answers these are. */
const likeVersion = '0.19.0';

/** Run patchelf's command line. Returns the exit status. */
export function main(argv: readonly string[]): number {
  try {
    const options = parsePatchelf(argv, process.env);
    if (options.action === 'help') writeTo(2, patchelfHelp);
    else if (options.action === 'version') writeTo(1, `patchelf ${likeVersion}\n`);
    else for (const file of options.files) runOnFile(file, options);
    return 0;
  } catch (error) {
    if (!(error instanceof ElfError || error instanceof PatchelfUsage)) throw error;
    writeTo(
      2,
      error instanceof PatchelfUsage && error.showsHelp ? patchelfHelp : `patchelf: ${say(error)}\n`,
    );
    return 1;
  }
}

/** patchelf stops at the first file that fails, and so do we. */
function runOnFile(path: string, options: PatchelfOptions): void {
  const file = openElfToEditSync(path);
  try {
    requireLinked(file.view.header, path);
    for (const line of printed(file.view, options)) writeTo(1, `${line}\n`);
    const plan = planEdit(file.view, requestsOf(file, options));
    if (options.debug) for (const text of [...plan.changes, ...plan.notes]) writeTo(2, `${text}\n`);
    if (plan.writes.length === 0 && options.output === undefined) return;
    const {notes} = applyPlanSync(file, plan, {output: options.output});
    for (const note of notes) writeTo(2, `warning: ${path}: ${note}\n`);
  } finally {
    void file.close();
  }
}

/** The answers to the print options, in patchelf's order. */
function* printed(view: ElfView, {prints}: PatchelfOptions): Generator<string> {
  if (prints.has('interpreter')) yield (view.interpreter ?? missing('.interp')).path;
  if (prints.has('os-abi')) yield osAbiName(view.ident.EI_OSABI);
  if (prints.has('soname') && view.dynamic?.soname !== undefined) yield view.dynamic.soname;
  if (prints.has('rpath')) yield searchPath(view);
  if (prints.has('execstack')) yield `execstack: ${stackLetter(view)}`;
  if (prints.has('needed')) yield* (view.dynamic ?? missing('.dynamic')).needed;
}

function missing(section: '.interp' | '.dynamic'): never {
  throw new ElfError(section === '.interp' ? 'NO_INTERPRETER' : 'NO_DYNAMIC', missingText(section));
}

function missingText(section: string): string {
  return `cannot find section '${section}'. The input file is most likely statically linked`;
}

function searchPath({dynamic = missing('.dynamic')}: ElfView): string {
  return dynamic.runpath ?? dynamic.rpath ?? '';
}

function stackLetter(view: ElfView): string {
  const isExecutable = isStackExecutable(view);
  return isExecutable === undefined ? '?' : isExecutable ? 'X' : '-';
}

/** Two requests, because patchelf adds libraries last and a request adds them first. */
function requestsOf({view}: ElfFile, options: PatchelfOptions): EditRequest[] {
  const {interpreter, soname, osAbi, execStack, addDebugTag, noDefaultLib} = options;
  const first = {
    interpreter,
    allowRelative: true,
    ...pathRequest(view, options),
    removeNeeded: options.removeNeeded,
    replaceNeeded: options.replaceNeeded,
    // patchelf passes over programs here.
    soname: isProgram(view) ? undefined : soname,
    execStack,
    osAbi,
  };
  const second = {
    addNeededFirst: options.addNeeded,
    noDefaultLib: noDefaultLib || undefined,
    addDebugTag,
    clearSymbolVersions: options.clearSymbolVersions,
    renameSymbols: options.renameSymbols,
  };
  return [first, second].map(withoutEmpty);
}

/** Each change of the path also decides its tag: DT_RUNPATH unless --force-rpath says otherwise. */
function pathRequest(view: ElfView, options: PatchelfOptions): EditRequest {
  const {rpathEdit, rpath, forceRpath, allowedPrefixes} = options;
  if (rpathEdit === undefined) return {};
  const old = (view.dynamic ?? missing('.dynamic')).runpath ?? view.dynamic?.rpath;
  if (rpathEdit === 'remove') return {removeRpath: true};
  const under = (path: string) => (forceRpath ? {rpath: path} : {runpath: path});
  if (rpathEdit === 'set') return under(rpath);
  if (rpathEdit === 'add') return under(old === undefined || old === '' ? rpath : `${old}:${rpath}`);
  const left = shrinkSearchPath(view, {allowedPrefixes});
  return left === undefined ? {} : under(left);
}

function withoutEmpty(request: Readonly<Record<string, unknown>>): EditRequest {
  const isGiven = (value: unknown) =>
    value !== undefined && (typeof value !== 'object' || Object.keys(value ?? {}).length > 0);
  return Object.fromEntries(Object.entries(request).filter(([, value]) => isGiven(value)));
}

/** patchelf's words where scripts may read them, else our own. */
function say(error: Error): string {
  if (!(error instanceof ElfError)) return error.message;
  const {code, cause, path = ''} = error;
  if (code === 'NO_INTERPRETER') return missingText('.interp');
  if (code === 'NO_DYNAMIC') return missingText('.dynamic');
  if (code === 'NOT_A_FILE') return `reading '${path}': Is a directory`;
  if (code === 'NOT_ELF') return 'missing ELF header';
  if (code === 'UNSUPPORTED') return 'wrong ELF type';
  if (code === 'BAD_REQUEST' && error.message.startsWith('unknown OS ABI')) return 'unrecognized OS ABI';
  if ((cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
    return `getting info about '${path}': No such file or directory`;
  return error.message;
}
