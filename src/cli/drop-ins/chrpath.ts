/*
 * chrpath's command line on this engine. A path may be of any length here, and errors are told in words of our own;
 * otherwise output and exit statuses are those of chrpath 0.16.
 */
import {parseArgs} from 'node:util';
import {
  type EditableElf,
  type EditRequest,
  ElfError,
  openElfToEditSync,
  planEdit,
  printable,
} from '../../index.js';
import {areArgumentsUtf8} from '../arguments.js';
import {undoInterruptedFirst} from '../edit/undo-interrupted.js';
import {printTo} from '../streams.js';
import {replaceOrWriteInPlace} from './replace-or-write.js';

interface Options {
  readonly replacement: string | undefined;
  readonly action: 'list' | 'replace' | undefined;
  readonly deletes: boolean;
  readonly converts: boolean;
  readonly keepsGoing: boolean;
  /** What is printed instead of doing anything. */
  readonly shows: string | undefined;
}

type Write = (...lines: string[]) => void;

/** Run chrpath's command line. Returns the exit status. */
export function main(argv: readonly string[]): number {
  const answers: string[] = [];
  const messages: string[] = [];
  const status = run(
    argv,
    (...lines) => answers.push(...lines),
    (...lines) => messages.push(...lines.map(printable)),
  );
  // One write each, and after the edits: the reader of a pipe may leave when it has seen what it wants.
  printTo(1, answers);
  printTo(2, messages);
  return status;
}

function run(argv: readonly string[], print: Write, complain: Write): number {
  if (!areArgumentsUtf8(argv)) {
    complain('elfinterp-chrpath: the arguments are not valid UTF-8');
    return 1;
  }
  const parsed = parse(argv);
  if (typeof parsed === 'string') {
    complain(`elfinterp-chrpath: ${parsed}`);
    print(...usage.trimEnd().split('\n'), '');
    return 1;
  }
  const {options, files} = parsed;
  if (options.shows !== undefined) {
    print(...options.shows.split('\n'));
    return 0;
  }
  if (argv.length === 0) {
    print(...usage.trimEnd().split('\n'), '');
    return 1;
  }
  let status = 0;
  for (const file of files) {
    status |= editFile(file, options, print, complain);
    if (status !== 0 && !options.keepsGoing) break;
  }
  return status;
}

interface Flag {
  readonly name: string;
  /** What its value is called. */
  readonly value?: string;
  readonly help: string;
  readonly changes: (value: string) => Partial<Options>;
}

/** The short form of each is its first letter. The last of -l and -r wins; -d overrides both, wherever it is. */
const flags: readonly Flag[] = [
  {name: 'version', help: 'Display program version number', changes: () => ({shows: versionLine})},
  {name: 'delete', help: 'Delete current rpath/runpath setting', changes: () => ({deletes: true})},
  {name: 'convert', help: 'Convert rpath to runpath', changes: () => ({converts: true})},
  {
    name: 'replace',
    value: '<path>',
    help: 'Replace current rpath/runpath setting with the path',
    changes: (replacement) => ({replacement, action: 'replace'}),
  },
  {name: 'list', help: 'List the current rpath/runpath (default)', changes: () => ({action: 'list'})},
  {name: 'keepgoing', help: 'Do not fail on first error', changes: () => ({keepsGoing: true})},
  {name: 'help', help: 'Show this usage information.', changes: () => ({shows: usage})},
];

const versionLine = 'chrpath version 0.16 (elfinterp)';

const synopsis = 'elfinterp-chrpath [-v|-d|-c|-r <path>] <program> [<program> ...]';

/** Both forms of an option: `-r <path>|--replace <path>`. */
function spell({name, value}: Flag, separator: string): string {
  const behind = value === undefined ? '' : ` ${value}`;
  return [`-${name.charAt(0)}`, `--${name}`].map((form) => form + behind).join(separator);
}

const usage = `Usage: ${synopsis}

${flags.map((flag) => `   ${spell(flag, '|').padEnd(28)}${flag.help}\n`).join('')}`;

/** The options for the manual. */
export const chrpathEntries = flags.map((flag) => ({term: spell(flag, ', '), text: flag.help}));

interface Parsed {
  readonly options: Options;
  readonly files: readonly string[];
}

/** The command line taken apart as getopt_long(3) does, or what is wrong with it. */
function parse(argv: readonly string[]): Parsed | string {
  const {tokens} = parseArgs({
    args: unabridgeAll(argv),
    options: Object.fromEntries(flags.map(getoptOf)),
    strict: false,
    tokens: true,
  });
  let options: Options = {
    replacement: undefined,
    action: undefined,
    deletes: false,
    converts: false,
    keepsGoing: false,
    shows: undefined,
  };
  const files: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') files.push(token.value);
    if (token.kind !== 'option') continue;
    const {name, rawName, value} = token;
    const flag = flags.find((known) => known.name === name);
    if (flag === undefined) return `unknown option ${rawName}`;
    if (flag.value !== undefined && value === undefined) return `option ${rawName} requires a path`;
    if (flag.value === undefined && value !== undefined) return `option ${rawName} takes no value`;
    options = {...options, ...flag.changes(value ?? '')};
  }
  return {options, files};
}

function getoptOf({name, value}: Flag) {
  const type = value === undefined ? ('boolean' as const) : ('string' as const);
  return [name, {type, short: name.charAt(0)}] as const;
}

/** Words that are not options (values, and what follows `--`) stay as they are. */
function unabridgeAll(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  const isValue = (i: number) => /^(-\w*r|--r[a-z]*)$/.test(argv[i - 1] ?? '');
  return argv.map((word, i) => ((end >= 0 && i > end) || isValue(i) ? word : unabridge(word)));
}

/** `--del` means `--delete`, as long as only one option begins that way. */
function unabridge(word: string): string {
  const [, start = ''] = /^--([^=]+)/.exec(word) ?? [];
  const meant = start === '' ? [] : flags.filter(({name}) => name.startsWith(start));
  return meant.length === 1 ? word.replace(start, meant[0]?.name ?? start) : word;
}

/** Bits of the exit status, as chrpath sets them. */
const [failed, noPath] = [1, 2];

function editFile(path: string, options: Options, print: Write, complain: Write): number {
  const {action, converts, deletes} = options;
  // Printing leaves everything as it is.
  const interrupted =
    action === 'replace' || converts || deletes
      ? undoInterruptedFirst((undone, what) => complain(`${undone}: ${what}`))
      : undefined;
  try {
    const file = openElfToEditSync(path, {interrupted});
    try {
      return editOpen(file, options, print, complain);
    } finally {
      void file.close();
    }
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    complain(error.message);
    return failed;
  }
}

function editOpen(file: EditableElf, options: Options, print: Write, complain: Write): number {
  const {path, view} = file;
  const apply = (request: EditRequest) => {
    for (const note of replaceOrWriteInPlace(file, planEdit(view, request))) complain(`${path}: ${note}`);
    return 0;
  };
  const {action, converts, deletes, replacement} = options;
  const {dynamic} = view;
  if (dynamic === undefined) throw new ElfError('NO_DYNAMIC', 'no dynamic section found', {path});
  const old = dynamic.runpath ?? dynamic.rpath;
  if (deletes) return apply({removeRpath: true});
  if (old === undefined) {
    print(`${path}: no rpath or runpath tag found.`);
    return noPath;
  }
  const isConverted = converts && dynamic.runpath === undefined;
  if (isConverted) print(`${path}: RPATH converted to RUNPATH`);
  const tag = isConverted || dynamic.runpath !== undefined ? 'RUNPATH' : 'RPATH';
  print(`${path}: ${tag}=${old}`);
  const wanted = action === 'replace' ? (replacement ?? '') : old;
  if (action === 'replace') print(`${path}: new ${tag}: ${wanted}`);
  if (action !== 'replace' && !isConverted) return 0;
  return apply(tag === 'RPATH' ? {rpath: wanted} : {runpath: wanted});
}
