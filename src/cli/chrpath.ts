/*
 * chrpath's command line on this engine. A path may be of any length here; otherwise messages and exit statuses are
 * those of chrpath 0.16.
 */
import {applyPlanSync, type EditRequest, ElfError, type ElfView, openElfSync, planEdit} from '../index.js';

interface Options {
  readonly replacement: string | undefined;
  readonly action: 'list' | 'delete' | 'replace' | undefined;
  readonly converts: boolean;
  readonly keepsGoing: boolean;
}

type Write = (text: string) => void;

/** Run chrpath's command line. Returns the exit status. */
export function main(
  argv: readonly string[],
  stdout: NodeJS.WritableStream = process.stdout,
  stderr: NodeJS.WritableStream = process.stderr,
): number {
  const print: Write = (text) => void stdout.write(`${text}\n`);
  const complain: Write = (text) => void stderr.write(`${text}\n`);
  const parsed = parse(argv);
  if (typeof parsed === 'string') {
    complain(`elfinterp-chrpath: ${parsed}`);
    print(usage);
    return 1;
  }
  const {options, files, shows} = parsed;
  if (shows !== undefined) {
    print(shows);
    return 0;
  }
  if (argv.length === 0) {
    print(usage);
    return 1;
  }
  let status = 0;
  for (const file of files) {
    status |= editFile(file, options, print, complain);
    if (status !== 0 && !options.keepsGoing) break;
  }
  return status;
}

const usage = `Usage: elfinterp-chrpath [-v|-d|-c|-r <path>] <program> [<program> ...]

   -v|--version                Display program version number
   -d|--delete                 Delete current rpath/runpath setting
   -c|--convert                Convert rpath to runpath
   -r <path>|--replace <path>  Replace current rpath/runpath setting
                               with the path given
   -l|--list                   List the current rpath/runpath (default)
   -k|--keepgoing              Do not fail on first error
   -h|--help                   Show this usage information.
`;

interface Parsed {
  readonly options: Options;
  readonly files: readonly string[];
  /** What is printed instead of doing anything. */
  readonly shows: string | undefined;
}

/** The command line taken apart, or what is wrong with it. Of -l, -d and -r the last one counts. */
function parse(argv: readonly string[]): Parsed | string {
  const words = argv.flatMap((word) => (/^-[a-z]{2,}$/.test(word) ? splitCluster(word) : [word]));
  let options: Options = {replacement: undefined, action: undefined, converts: false, keepsGoing: false};
  let shows: string | undefined;
  const files: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (!word.startsWith('-') || word === '-') files.push(word);
    else if (isOption(word, 'replace')) {
      i += 1;
      const replacement = words[i];
      if (replacement === undefined) return `option ${word} wants a path`;
      options = {...options, replacement, action: 'replace'};
    } else if (isOption(word, 'list')) options = {...options, action: 'list'};
    else if (isOption(word, 'delete')) options = {...options, action: 'delete'};
    else if (isOption(word, 'convert')) options = {...options, converts: true};
    else if (isOption(word, 'keepgoing')) options = {...options, keepsGoing: true};
    else if (isOption(word, 'version')) shows = 'chrpath version 0.16 (elfinterp)';
    else if (isOption(word, 'help')) shows = usage;
    else return `unknown option ${word}`;
  }
  return {options, files, shows};
}

/** `-kd` is `-k -d`. */
function splitCluster(word: string): string[] {
  return [...word.slice(1)].map((letter) => `-${letter}`);
}

function isOption(word: string, name: string): boolean {
  return word === `--${name}` || word === `-${name.charAt(0)}`;
}

/** Bits of the exit status, as chrpath sets them. */
const [failed, noPath] = [1, 2];

function editFile(path: string, options: Options, print: Write, complain: Write): number {
  try {
    const file = openElfSync(path);
    try {
      return editView(file.view, path, options, print, complain);
    } finally {
      void file.close();
    }
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    complain(error.message);
    return failed;
  }
}

function editView(view: ElfView, path: string, options: Options, print: Write, complain: Write): number {
  const apply = (request: EditRequest) => {
    for (const note of applyPlanSync(path, planEdit(view, request)).notes) complain(`${path}: ${note}`);
    return 0;
  };
  const {action, converts, replacement} = options;
  const {dynamic} = view;
  if (dynamic === undefined) throw new ElfError('NO_DYNAMIC', 'no dynamic section found', {path});
  const old = dynamic.runpath ?? dynamic.rpath;
  if (action === 'delete') return apply({removeRpath: true});
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
