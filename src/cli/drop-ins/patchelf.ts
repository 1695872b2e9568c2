/*
 * patchelf's command line on this engine.
 *
 * As in patchelf, options come in any order and are carried out in a fixed one: print and set what concerns the header,
 * the SONAME, the interpreter, the stack, the search path, the libraries, then symbols. Print options print what is in
 * the file before the edits. Messages and exit statuses are those that scripts look for; docs/patchelf.md lists where
 * the answers differ, and why.
 */
import {statSync} from 'node:fs';
import {
  applyPlanSync,
  applyPlanToBuffer,
  type EditableElf,
  type EditRequest,
  ElfError,
  type ElfFile,
  type ElfView,
  isProgram,
  isStackExecutable,
  kindOf,
  openElfToEditSync,
  osAbiName,
  type Plan,
  planEdit,
  printable,
  requireLinked,
  shrinkSearchPath,
  writeToStream,
} from '../../index.js';
import {areArgumentsUtf8} from '../arguments.js';
import {undoInterruptedFirst} from '../edit/undo-interrupted.js';
import {printTo} from '../streams.js';
import {type PatchelfOptions, PatchelfUsage, parsePatchelf, patchelfHelp} from './patchelf-options.js';
import {replaceOrWriteInPlace} from './replace-or-write.js';

/** The patchelf release whose options and answers these are. */
const likeVersion = '0.19.0';

/** What is to be printed when everything is done. */
interface Printed {
  readonly answers: string[];
  readonly messages: string[];
}

/** Run patchelf's command line. Returns the exit status. */
export function main(argv: readonly string[]): number {
  const printed: Printed = {answers: [], messages: []};
  const status = run(argv, printed);
  // One write each, and after the edits: the reader of a pipe may leave when it has seen what it wants.
  printTo(1, printed.answers);
  printTo(2, printed.messages);
  return status;
}

function run(argv: readonly string[], {answers, messages}: Printed): number {
  try {
    if (!areArgumentsUtf8(argv)) throw new PatchelfUsage('the arguments are not valid UTF-8');
    const options = parsePatchelf(argv, process.env);
    if (options.action === 'help') messages.push(...helpLines());
    else if (options.action === 'version') answers.push(`patchelf ${likeVersion}`);
    else for (const file of options.files) runOnFile(file, options, {answers, messages});
    return 0;
  } catch (error) {
    if (!(error instanceof ElfError || error instanceof PatchelfUsage)) throw error;
    const showsHelp = error instanceof PatchelfUsage && error.showsHelp;
    messages.push(...(showsHelp ? helpLines() : [printable(`patchelf: ${say(error)}`)]));
    return 1;
  }
}

function helpLines(): string[] {
  return patchelfHelp.trimEnd().split('\n');
}

/** patchelf stops at the first file that fails, and so do we. */
function runOnFile(path: string, options: PatchelfOptions, {answers, messages}: Printed): void {
  // Printing leaves everything as it is.
  const interrupted = isEdit(options)
    ? undoInterruptedFirst((undone, what) => messages.push(printable(`warning: ${undone}: ${what}`)))
    : undefined;
  const file = openElfToEditSync(path, {interrupted});
  try {
    requireLinked(file.view.header, path);
    answers.push(...printed(file.view, options));
    const requests = requestsOf(file, options);
    // Queries about a separate debug file are answered; only edits of it are refused.
    if (isDebugFile(file.view) && requests.every(isEmpty)) return;
    const plan = planEdit(file.view, requests);
    if (options.debug) messages.push(...[...plan.changes, ...plan.notes].map(printable));
    for (const note of write(file, plan, options)) messages.push(printable(`warning: ${path}: ${note}`));
  } finally {
    void file.close();
  }
}

/** Whether anything but printing is asked for. */
function isEdit(options: PatchelfOptions): boolean {
  const {interpreter, soname, osAbi, execStack, rpathEdit, renameSymbols} = options;
  const {addNeeded, removeNeeded, replaceNeeded, clearSymbolVersions, output} = options;
  const one = {interpreter, soname, osAbi, execStack, rpathEdit, renameSymbols, output};
  const many = {addNeeded, removeNeeded, replaceNeeded, clearSymbolVersions};
  const asked = Object.keys(withoutEmpty({...one, ...many}));
  return asked.length > 0 || options.noDefaultLib || options.addDebugTag;
}

/** Write the result of a plan where patchelf would write it; returns the notes. */
function write(file: EditableElf, plan: Plan, {output}: PatchelfOptions): readonly string[] {
  if (output === undefined) return plan.writes.length === 0 ? [] : replaceOrWriteInPlace(file, plan);
  const {source} = file.view;
  if (writeToStream(output, () => applyPlanToBuffer(source.read(0, source.size), plan))) return [];
  return applyPlanSync(file, plan, {output, outputMode: 'own'}).notes;
}

/** The answers to the print options, in patchelf's order. */
function* printed(view: ElfView, {prints}: PatchelfOptions): Generator<string> {
  if (isDebugFile(view)) {
    for (const _ of [...prints].filter((name) => name !== 'os-abi' && name !== 'execstack')) yield '';
    return;
  }
  if (prints.has('interpreter')) yield (view.interpreter ?? missing('.interp')).path;
  if (prints.has('os-abi')) yield osAbiName(view.ident.EI_OSABI);
  if (prints.has('soname') && view.dynamic?.soname !== undefined) yield view.dynamic.soname;
  if (prints.has('rpath')) yield searchPath(view);
  if (prints.has('execstack')) yield `execstack: ${stackLetter(view)}`;
  if (prints.has('needed')) yield* (view.dynamic ?? missing('.dynamic')).needed;
}

/** Whether a request asks for no change. */
function isEmpty({allowRelative: _, ...changes}: EditRequest): boolean {
  return Object.values(changes).every((value) => value === false);
}

function isDebugFile(view: ElfView): boolean {
  return kindOf(view) === 'debug-file';
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
  const {interpreter, soname, osAbi, execStack, addDebugTag, noDefaultLib, pageSize} = options;
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
    pageSize,
  };
  const second = {
    // Each goes before those given earlier.
    addNeededFirst: options.addNeeded.toReversed(),
    noDefaultLib: noDefaultLib || undefined,
    addDebugTag,
    clearSymbolVersions: options.clearSymbolVersions,
    renameSymbols: options.renameSymbols,
    pageSize,
  };
  return [first, second].map(withoutEmpty);
}

/** Each change of the path also decides its tag: DT_RUNPATH unless --force-rpath says otherwise. */
function pathRequest(view: ElfView, options: PatchelfOptions): EditRequest {
  const {rpathEdit, rpath, forceRpath, allowedPrefixes} = options;
  if (rpathEdit === undefined) return {};
  const old = (view.dynamic ?? missing('.dynamic')).runpath ?? view.dynamic?.rpath;
  if (rpathEdit === 'remove') return {removeRpath: true};
  // An empty path adds nothing.
  if (old === undefined && rpath === '' && rpathEdit !== 'shrink') return {};
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
  if (code === 'NOT_ELF') return isShort(path) ? missingHeader : 'not an ELF executable';
  if (code === 'TRUNCATED' && (error.offset ?? longestHeader) < longestHeader) return missingHeader;
  if (code === 'PAYLOAD') return `${path}: ${error.what}; \`elfinterp edit --payload\` can keep it`;
  if (code === 'UNSUPPORTED') return 'wrong ELF type';
  if (code === 'BAD_REQUEST' && error.message.startsWith('unknown OS ABI')) return 'unrecognized OS ABI';
  if ((cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
    return `getting info about '${path}': No such file or directory`;
  return error.message;
}

const missingHeader = 'missing ELF header';

/** Bytes of the header of a 64-bit file. */
const longestHeader = 64;

/** Shorter than the smallest ELF header. */
function isShort(path: string): boolean {
  return (statSync(path, {throwIfNoEntry: false})?.size ?? 0) < 52;
}
