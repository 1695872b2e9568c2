import {ElfError, readText} from '../../index.js';
import {parseSymbolMap} from '../edit/symbol-map.js';

type PrintOption = 'interpreter' | 'os-abi' | 'soname' | 'rpath' | 'execstack' | 'needed';

/** patchelf's command line, taken apart. */
export interface PatchelfOptions {
  readonly action: 'edit' | 'help' | 'version';
  readonly files: readonly string[];
  readonly prints: ReadonlySet<PrintOption>;
  readonly output: string | undefined;
  readonly debug: boolean;
  /** Alignment of new segments; default: that of the file's segments. */
  readonly pageSize: number | undefined;
  readonly interpreter: string | undefined;
  readonly soname: string | undefined;
  readonly osAbi: string | undefined;
  readonly execStack: boolean | undefined;
  readonly rpathEdit: 'set' | 'add' | 'remove' | 'shrink' | undefined;
  readonly rpath: string;
  readonly forceRpath: boolean;
  readonly allowedPrefixes: readonly string[] | undefined;
  readonly addNeeded: readonly string[];
  readonly removeNeeded: readonly string[];
  readonly replaceNeeded: Readonly<Record<string, string>>;
  readonly noDefaultLib: boolean;
  readonly addDebugTag: boolean;
  readonly clearSymbolVersions: readonly string[];
  readonly renameSymbols: Readonly<Record<string, string>> | undefined;
}

/** The command line is wrong. */
export class PatchelfUsage extends Error {
  readonly showsHelp: boolean;
  constructor(message: string, showsHelp = false) {
    super(message);
    this.showsHelp = showsHelp;
  }
}

/** patchelf has its own message for a missing map file. */
function readMap(file: string): string {
  try {
    return readText(file);
  } catch (error) {
    const {code} = ((error as ElfError).cause ?? {}) as NodeJS.ErrnoException;
    if (!(error instanceof ElfError) || code !== 'ENOENT') throw error;
    throw new PatchelfUsage(`Cannot open map file ${file}: No such file or directory`);
  }
}

type Draft = {-readonly [Name in keyof PatchelfOptions]: PatchelfOptions[Name]} & {
  files: string[];
  prints: Set<PrintOption>;
  addNeeded: string[];
  removeNeeded: string[];
  replaceNeeded: Record<string, string>;
  clearSymbolVersions: string[];
  edits: Set<'set' | 'add' | 'remove' | 'shrink'>;
};

interface Option {
  readonly names: readonly string[];
  /** What the values are called in the help. */
  readonly values: readonly string[];
  readonly help: string;
  readonly apply: (draft: Draft, ...values: string[]) => void;
}

/**
 * Take a command line apart.
 *
 * @throws PatchelfUsage with patchelf's words
 */
export function parsePatchelf(argv: readonly string[], env: NodeJS.ProcessEnv): PatchelfOptions {
  if (argv.length === 0) throw new PatchelfUsage('missing filename', true);
  const draft = emptyDraft(env.PATCHELF_DEBUG !== undefined);
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    const option = options.find(({names}) => names.includes(word));
    if (option === undefined) {
      // As in patchelf: what is not an option is a file, even if it looks like an option.
      draft.files.push(word);
      continue;
    }
    const values = argv.slice(i + 1, i + 1 + option.values.length);
    if (values.length < option.values.length)
      throw new PatchelfUsage(option.values.length > 1 ? 'missing argument(s)' : 'missing argument');
    option.apply(draft, ...values);
    if (draft.action !== 'edit') return draft;
    i += values.length;
  }
  return complete(draft);
}

function complete(draft: Draft): PatchelfOptions {
  if (draft.files.length === 0) throw new PatchelfUsage('missing filename');
  if (draft.output !== undefined && draft.files.length !== 1)
    throw new PatchelfUsage('--output option only allowed with single input file');
  const {edits, prints, addNeeded, removeNeeded} = draft;
  if (edits.has('set') && edits.has('add'))
    throw new PatchelfUsage('--set-rpath option not allowed with --add-rpath');
  const order = ['shrink', 'remove', 'set', 'add'] as const;
  return {
    ...draft,
    // Printing the state of the stack suppresses any change of it.
    execStack: prints.has('execstack') ? undefined : draft.execStack,
    // patchelf keeps them in a sorted set, and puts that in front.
    addNeeded: [...new Set(addNeeded)].sort(),
    removeNeeded: removeNeeded.filter((name) => name !== ''),
    rpathEdit: order.find((edit) => edits.has(edit)),
  };
}

function emptyDraft(debug: boolean): Draft {
  return {
    action: 'edit',
    files: [],
    prints: new Set(),
    output: undefined,
    debug,
    pageSize: undefined,
    interpreter: undefined,
    soname: undefined,
    osAbi: undefined,
    execStack: undefined,
    rpathEdit: undefined,
    rpath: '',
    forceRpath: false,
    allowedPrefixes: undefined,
    addNeeded: [],
    removeNeeded: [],
    replaceNeeded: {},
    noDefaultLib: false,
    addDebugTag: false,
    clearSymbolVersions: [],
    renameSymbols: undefined,
    edits: new Set(),
  };
}

/** An argument that begins with @ names a file that holds it. An editor's newline at its end does not count. */
function resolve(value: string): string {
  return value.startsWith('@') ? readText(value.slice(1)).replace(/\n$/, '') : value;
}

const options: readonly Option[] = [
  {
    names: ['--set-interpreter', '--interpreter'],
    values: ['FILENAME'],
    help: 'Sets the interpreter (PT_INTERP).',
    apply: (draft, path) => {
      draft.interpreter = resolve(path) || undefined;
    },
  },
  {
    names: ['--page-size'],
    values: ['SIZE'],
    help: 'Aligns new segments to SIZE.',
    apply: (draft, size) => {
      const pageSize = Number.parseInt(size, 10);
      if (!(pageSize > 0)) throw new PatchelfUsage('invalid argument to --page-size');
      set(draft, {pageSize: wholePages(pageSize)});
    },
  },
  print('interpreter', 'Prints the interpreter (PT_INTERP).'),
  print('os-abi', 'Prints the OS ABI (EI_OSABI).'),
  {
    names: ['--set-os-abi'],
    values: ['ABI'],
    help: 'Sets the OS ABI (EI_OSABI).',
    apply: (draft, abi) => {
      draft.osAbi = resolve(abi);
    },
  },
  print('soname', 'Prints DT_SONAME.'),
  {
    names: ['--set-soname'],
    values: ['SONAME'],
    help: 'Sets DT_SONAME of a library.',
    apply: (draft, name) => {
      draft.soname = resolve(name);
    },
  },
  {
    names: ['--set-rpath'],
    values: ['RPATH'],
    help: 'Sets DT_RUNPATH; replaces a DT_RPATH.',
    apply: (draft, path) => editPath(draft, 'set', path),
  },
  {
    names: ['--add-rpath'],
    values: ['RPATH'],
    help: 'Appends RPATH to the existing path.',
    apply: (draft, path) => editPath(draft, 'add', path),
  },
  {
    names: ['--remove-rpath'],
    values: [],
    help: 'Removes DT_RPATH and DT_RUNPATH.',
    apply: (draft) => draft.edits.add('remove'),
  },
  {
    names: ['--shrink-rpath'],
    values: [],
    help: 'Removes directories that contain no needed library.',
    apply: (draft) => draft.edits.add('shrink'),
  },
  {
    names: ['--allowed-rpath-prefixes'],
    values: ['PREFIXES'],
    help: '--shrink-rpath keeps only these prefixes (A:B).',
    apply: (draft, prefixes) => {
      draft.allowedPrefixes = prefixes.split(':');
    },
  },
  print('rpath', 'Prints DT_RUNPATH, else DT_RPATH.'),
  {
    names: ['--force-rpath'],
    values: [],
    help: 'Options that set or add a path use DT_RPATH.',
    apply: (draft) => set(draft, {forceRpath: true}),
  },
  {
    names: ['--add-needed'],
    values: ['LIBRARY'],
    help: 'Adds LIBRARY to DT_NEEDED, before the others.',
    apply: (draft, name) => draft.addNeeded.push(resolve(name)),
  },
  {
    names: ['--remove-needed'],
    values: ['LIBRARY'],
    help: 'Removes LIBRARY from DT_NEEDED.',
    apply: (draft, name) => draft.removeNeeded.push(resolve(name)),
  },
  {
    names: ['--replace-needed'],
    values: ['LIBRARY', 'NEW_LIBRARY'],
    help: 'Replaces LIBRARY with NEW_LIBRARY.',
    apply: (draft, from, to) => {
      draft.replaceNeeded[from ?? ''] = to ?? '';
    },
  },
  print('needed', 'Prints the libraries (DT_NEEDED), one per line.'),
  {
    names: ['--no-default-lib'],
    values: [],
    help: 'Makes ld.so ignore its default directories.',
    apply: (draft) => set(draft, {noDefaultLib: true}),
  },
  {names: ['--no-sort'], values: [], help: 'Accepted and ignored.', apply: () => undefined},
  {
    names: ['--no-clobber-old-sections'],
    values: [],
    help: 'Accepted and ignored.',
    apply: () => undefined,
  },
  {
    names: ['--clear-symbol-version'],
    values: ['SYMBOL'],
    help: 'Removes the version of SYMBOL.',
    apply: (draft, name) => draft.clearSymbolVersions.push(resolve(name)),
  },
  {
    names: ['--add-debug-tag'],
    values: [],
    help: 'Adds DT_DEBUG, which debuggers need.',
    apply: (draft) => set(draft, {addDebugTag: true}),
  },
  print('execstack', 'Prints whether the stack is executable.'),
  {
    names: ['--clear-execstack'],
    values: [],
    help: 'Requests a non-executable stack.',
    apply: (draft) => set(draft, {execStack: false}),
  },
  {
    names: ['--set-execstack'],
    values: [],
    help: 'Requests an executable stack.',
    // It has no effect together with --clear-execstack.
    apply: (draft) => set(draft, {execStack: draft.execStack ?? true}),
  },
  {
    names: ['--rename-dynamic-symbols'],
    values: ['NAME_MAP_FILE'],
    help: 'Renames dynamic symbols (lines of OLD NEW).',
    apply: (draft, file) => {
      draft.renameSymbols = {...draft.renameSymbols, ...parseSymbolMap(readMap(file), file)};
    },
  },
  {
    names: ['--build-resolution-cache'],
    values: [],
    help: 'Not supported.',
    apply: () => {
      throw new PatchelfUsage('--build-resolution-cache is not supported');
    },
  },
  {
    names: ['--output'],
    values: ['FILE'],
    help: 'Writes to FILE; the original is unchanged.',
    apply: (draft, file) => {
      draft.output = resolve(file);
    },
  },
  {
    names: ['--debug', '-d'],
    values: [],
    help: 'Prints what changes (as PATCHELF_DEBUG does).',
    apply: (draft) => set(draft, {debug: true}),
  },
  {
    names: ['--help', '-h'],
    values: [],
    help: 'Shows this help.',
    apply: (draft) => set(draft, {action: 'help'}),
  },
  {
    names: ['--version'],
    values: [],
    help: 'Shows the version of patchelf that this matches.',
    apply: (draft) => set(draft, {action: 'version'}),
  },
];

/** patchelf accepts any number; a segment needs a power of two, and at least a page. */
function wholePages(size: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(size, 4096)));
}

function set(draft: Draft, fields: Partial<PatchelfOptions>): void {
  Object.assign(draft, fields);
}

function editPath(draft: Draft, edit: 'set' | 'add', path: string): void {
  draft.edits.add(edit);
  draft.rpath = resolve(path);
}

function print(what: PrintOption, help: string): Option {
  return {names: [`--print-${what}`], values: [], help, apply: (draft) => void draft.prints.add(what)};
}

/** The options for the manual. */
export const patchelfEntries = options.map(({names, values, help}) => ({
  term: [names.join(', '), ...values].join(' '),
  text: help,
}));

const helpColumn = 34;

/** The syntax as patchelf writes it, with a word on each option. */
export const patchelfHelp = `syntax: elfinterp-patchelf\n${options
  .map(({names, values, help}) => {
    const usage = `  [${[names[0], ...values].join(' ')}]`;
    const gap = usage.length < helpColumn ? '' : `\n${' '.repeat(helpColumn)}`;
    return `${usage.padEnd(helpColumn)}${gap}${help}\n`;
  })
  .join('')}  FILENAME...\n`;
