/*
 * One request for each of many files: planned, applied and reported in batches, since files that are written together
 * share one wait for the disk. Messages still come in the order of the files.
 */
import {
  type Applied,
  applyPlans,
  applyPlanToBuffer,
  attributesUnknown,
  type EditableElf,
  type EditOptions,
  type EditRequest,
  ElfError,
  type ElfFile,
  type ElfKind,
  kindOf,
  openElfToEditSync,
  type Plan,
  planEdit,
  standardInput,
} from '../../index.js';
import {type OptionsOf, UsageError} from '../command.js';
import {type FileResult, openNamed, resultsToJson, tryFile} from '../each-file.js';
import {optimizeLate} from '../optimize-late.js';
import type {applyOptions, jsonOption} from '../options.js';
import type {Output} from '../output.js';
import {showProgress} from '../progress.js';
import {safe} from '../safe-text.js';
import {printPlan, summarize} from './print-plan.js';
import {undoInterruptedFirst} from './undo-interrupted.js';
import {isUnreplaceable} from './unreplaceable.js';

/** The options that the commands which change files have in common; some can skip files. */
type Arguments = OptionsOf<typeof applyOptions & typeof jsonOption> & {
  readonly 'skip-static'?: boolean | undefined;
  readonly 'skip-non-elf'?: boolean | undefined;
};

/** What to do to a file; a function where that depends on the file. */
export type Wanted = EditRequest | ((file: ElfFile, path: string) => EditRequest);

/** Each of them has up to four open descriptors; a process has at least 1,024. */
const filesAtOnce = 128;
const filesPerThread = 4;

/** Plan and apply one request to each file, as --dry-run, --output, --in-place and --json want it. */
export async function applyToFiles(
  files: readonly string[],
  wanted: Wanted,
  args: Arguments,
  output: Output,
): Promise<undefined> {
  const complaint = complaintAbout(files, args);
  if (complaint !== undefined) throw new UsageError(complaint);
  const isMany = files.length > filesPerThread;
  // The thread pool is not started yet, so its size can still be set; a file system's journal is faster when it syncs
  // many files at once.
  if (isMany) process.env.UV_THREADPOOL_SIZE ??= String(filesAtOnce / filesPerThread);
  using _late = isMany ? optimizeLate() : undefined;
  const say = reporter(args, output);
  const results: FileResult<Plan>[] = [];
  const opening = openingOf(args, output);
  for (let start = 0; start < files.length; start += filesAtOnce) {
    if (start > 0) output.status(safe`${start} of ${files.length} files`);
    const some = files.slice(start, start + filesAtOnce);
    for (const result of await applyToSome(some, wanted, opening, args, output)) {
      say(result);
      // Only --json needs them at the end, and there may be a hundred thousand.
      if (args.json) results.push('value' in result ? {file: result.file, value: result.value.plan} : result);
    }
  }
  if (args.json) output.json(resultsToJson(results));
}

/** Why these arguments do not go together. */
function complaintAbout(files: readonly string[], args: Arguments): string | undefined {
  const hasOutput = args.output !== undefined;
  if (hasOutput && args['in-place']) return '--output and --in-place are mutually exclusive';
  if (hasOutput && files.length > 1) return '--output takes only one file';
  if (args.output === standardInput)
    return 'the result of standard input goes to standard output: elfinterp edit ... - <FILE >RESULT';
  if (!files.includes(standardInput)) return undefined;
  if (files.length > 1) return 'standard input (-) cannot be combined with other files';
  if (args['in-place']) return 'standard input (-) cannot be edited --in-place';
  if (hasOutput) return 'standard input (-) goes to standard output, not to --output';
  if (args.json && !args['dry-run']) return 'the result goes to standard output, so --json cannot be used';
  return undefined;
}

/** The state of the edit of one file. */
interface Edited {
  readonly plan: Plan;
  /** The file, still open, so that the edit is of the very file that was planned for. */
  readonly file?: EditableElf;
  /** The new content of standard input. */
  readonly content?: Uint8Array;
  readonly applied?: Applied;
}

async function applyToSome(
  files: readonly string[],
  wanted: Wanted,
  opening: EditOptions,
  args: Arguments,
  output: Output,
): Promise<FileResult<Edited>[]> {
  const results = await applyPlanned(
    files.map((path) => planOne(path, wanted, opening, args)),
    args,
    output,
  );
  // A file that is given twice, even under different names, must be planned for again after its first edit.
  for (const [i, result] of results.entries()) {
    if (!('error' in result) || !isToRepeat(result.error) || files.length < 2) continue;
    const [again = result] = await applyPlanned([planOne(result.file, wanted, opening, args)], args, output);
    results[i] = again;
  }
  return results;
}

/** A file that was written and then changed by another process is not what the same plan would be made for. */
function isToRepeat(error: unknown): boolean {
  return error instanceof ElfError && error.code === 'CHANGED' && !error.written;
}

/** How the files are opened: a dry run leaves what an interrupted edit left. */
function openingOf(args: Arguments, output: Output): EditOptions {
  const {follow} = args;
  if (args['dry-run']) return {follow};
  return {follow, interrupted: undoInterruptedFirst((path, what) => output.note(safe`${path}: ${what}`))};
}

/** Plan for one file, without reporting it yet. */
function planOne(path: string, wanted: Wanted, opening: EditOptions, args: Arguments): FileResult<Edited> {
  const skip = (error: unknown) => skipReason(error, args);
  return tryFile(path, (file) => planFor(file, path, wanted, args), {
    skip,
    open: () => openToEdit(path, opening),
    keepsOpen: true,
  });
}

function openToEdit(path: string, opening: EditOptions): ElfFile {
  return path === standardInput ? openNamed(path) : openElfToEditSync(path, opening);
}

function planFor(file: ElfFile, path: string, wanted: Wanted, args: Arguments): Edited {
  if (args['skip-static']) requireLoaded(file);
  const plan = planEdit(file.view, typeof wanted === 'function' ? wanted(file, path) : wanted);
  if (isEditable(file)) {
    file.requireTrusted();
    return {plan, file};
  }
  const {source} = file.view;
  return {plan, content: applyPlanToBuffer(source.read(0, source.size), plan)};
}

function isEditable(file: ElfFile): file is EditableElf {
  return 'requireTrusted' in file;
}

/** A file that is passed over, and why. */
class PassedOver extends Error {}

/** What no loader reads although it may have a dynamic section. */
const unloaded: Partial<Record<ElfKind, string>> = {
  'static-pie-program': 'a static-pie program',
  'object-file': 'an object file',
  'core-file': 'a core file',
  'debug-file': 'a separate debug file',
};

function requireLoaded({view}: ElfFile): void {
  const reason = unloaded[kindOf(view)];
  if (reason !== undefined) throw new PassedOver(reason);
}

/** Package scripts need to skip files that cannot have what is edited. */
function skipReason(error: unknown, args: Arguments): string | undefined {
  if (error instanceof PassedOver) return error.message;
  if (args['skip-non-elf'] && hasCode(error, 'NOT_ELF')) return 'not an ELF file';
  if (args['skip-static'] && (hasCode(error, 'NO_DYNAMIC') || hasCode(error, 'NO_INTERPRETER')))
    return 'statically linked, or without an interpreter';
  return undefined;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof ElfError && error.code === code;
}

async function applyPlanned(
  planned: readonly FileResult<Edited>[],
  args: Arguments,
  output: Output,
): Promise<FileResult<Edited>[]> {
  const opened = planned.flatMap((result) => ('value' in result ? (result.value.file ?? []) : []));
  try {
    return args['dry-run'] ? [...planned] : await applyAll(planned, args, output);
  } finally {
    for (const file of opened) void file.close();
  }
}

async function applyAll(
  planned: readonly FileResult<Edited>[],
  args: Arguments,
  output: Output,
): Promise<FileResult<Edited>[]> {
  const options = {
    output: args.output,
    inPlace: Boolean(args['in-place']),
    follow: args.follow,
    onProgress: showProgress(output),
  };
  const edits = planned.flatMap((result) =>
    'value' in result && result.value.file !== undefined
      ? [{path: result.value.file, plan: result.value.plan, options}]
      : [],
  );
  const outcomes = (await applyPlans(edits)).values();
  return planned.map((result) => {
    if (!('value' in result) || result.value.file === undefined) return result;
    const outcome = outcomes.next().value;
    return outcome === undefined || 'error' in outcome
      ? {file: result.file, error: outcome?.error}
      : {file: result.file, value: {...result.value, ...outcome}};
  });
}

/** A file that cannot be replaced can perhaps be written into. */
function withHint(error: unknown, args: Arguments): unknown {
  if (args.output !== undefined || args['in-place'] || !isUnreplaceable(error)) return error;
  const {code, what, path, cause} = error as ElfError;
  return new ElfError(code, `${what}; --in-place writes into the file itself`, {path, cause});
}

/** Make the function that reports the result for a file. */
function reporter(args: Arguments, output: Output): (result: FileResult<Edited>) => void {
  let isSaid = false;
  /**
   * If this system cannot tell whether files have attributes, that is true of all files, and reported only for the
   * first.
   */
  const isNew = (note: string) => !note.includes(attributesUnknown) || !isSaid;
  return (result) => {
    if ('error' in result) return output.error(withHint(result.error, args), result.file);
    if ('skipped' in result) return;
    const {file, value} = result;
    const notes = [...value.plan.notes, ...(value.applied?.notes ?? [])].filter(isNew);
    isSaid ||= notes.some((note) => note.includes(attributesUnknown));
    if (args['dry-run']) {
      if (!args.json) printPlan(file, value.plan, output);
    } else if (value.content !== undefined) {
      output.bytes(value.content);
      for (const note of notes) output.warn(note);
    } else {
      for (const note of notes) output.note(safe`${file}: ${note}`);
      output.progress(safe`${file}: ${summarize(value.plan)}`);
    }
  };
}
