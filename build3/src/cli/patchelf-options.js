import {readText} from '../index.js';
import {parseSymbolMap} from './symbol-map.js';
/** The command line is wrong. */
export class PatchelfUsage extends Error {
  showsHelp;
  constructor(message, showsHelp = false) {
    super(message);
    this.showsHelp = showsHelp;
  }
}
/**
 * Take a command line apart.
 *
 * @throws PatchelfUsage with patchelf's words
 */
export function parsePatchelf(argv, env) {
  if (argv.length === 0) throw new PatchelfUsage('missing filename', true);
  const draft = emptyDraft(env.PATCHELF_DEBUG !== undefined);
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    const option = options.find(({names}) => names.includes(word));
    if (option === undefined) {
      // As there: whatever is no option is a file, also what looks like one.
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
function complete(draft) {
  if (draft.files.length === 0) throw new PatchelfUsage('missing filename');
  if (draft.output !== undefined && draft.files.length !== 1)
    throw new PatchelfUsage('--output option only allowed with single input file');
  const {edits} = draft;
  if (edits.has('set') && edits.has('add'))
    throw new PatchelfUsage('--set-rpath option not allowed with --add-rpath');
  const order = ['shrink', 'remove', 'set', 'add'];
  return {...draft, rpathEdit: order.find((edit) => edits.has(edit))};
}
function emptyDraft(debug) {
  return {
    action: 'edit',
    files: [],
    prints: new Set(),
    output: undefined,
    debug,
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
function resolve(value) {
  return value.startsWith('@') ? readText(value.slice(1)).replace(/\n$/, '') : value;
}
const options = [
  {
    names: ['--set-interpreter', '--interpreter'],
    values: ['FILENAME'],
    apply: (draft, path) => {
      draft.interpreter = resolve(path) || undefined;
    },
  },
  {
    names: ['--page-size'],
    values: ['SIZE'],
    apply: (_, size) => {
      if (!(Number.parseInt(size, 10) > 0)) throw new PatchelfUsage('invalid argument to --page-size');
    },
  },
  print('interpreter'),
  print('os-abi', "Prints 'EI_OSABI' field of ELF header"),
  {
    names: ['--set-os-abi'],
    values: ['ABI'],
    help: "Sets 'EI_OSABI' field of ELF header to ABI.",
    apply: (draft, abi) => {
      draft.osAbi = resolve(abi);
    },
  },
  print('soname', "Prints 'DT_SONAME' entry of .dynamic section"),
  {
    names: ['--set-soname'],
    values: ['SONAME'],
    help: "Sets 'DT_SONAME' entry to SONAME.",
    apply: (draft, name) => {
      draft.soname = resolve(name);
    },
  },
  {names: ['--set-rpath'], values: ['RPATH'], apply: (draft, path) => editPath(draft, 'set', path)},
  {names: ['--add-rpath'], values: ['RPATH'], apply: (draft, path) => editPath(draft, 'add', path)},
  {names: ['--remove-rpath'], values: [], apply: (draft) => draft.edits.add('remove')},
  {names: ['--shrink-rpath'], values: [], apply: (draft) => draft.edits.add('shrink')},
  {
    names: ['--allowed-rpath-prefixes'],
    values: ['PREFIXES'],
    help: "With '--shrink-rpath', reject rpath entries not starting with the allowed prefix",
    apply: (draft, prefixes) => {
      draft.allowedPrefixes = prefixes.split(':');
    },
  },
  print('rpath'),
  {names: ['--force-rpath'], values: [], apply: (draft) => set(draft, {forceRpath: true})},
  {names: ['--add-needed'], values: ['LIBRARY'], apply: (draft, name) => draft.addNeeded.push(resolve(name))},
  {
    names: ['--remove-needed'],
    values: ['LIBRARY'],
    apply: (draft, name) => draft.removeNeeded.push(resolve(name)),
  },
  {
    names: ['--replace-needed'],
    values: ['LIBRARY', 'NEW_LIBRARY'],
    apply: (draft, from, to) => {
      draft.replaceNeeded[from ?? ''] = to ?? '';
    },
  },
  print('needed'),
  {names: ['--no-default-lib'], values: [], apply: (draft) => set(draft, {noDefaultLib: true})},
  {names: ['--no-sort'], values: [], help: 'Accepted; nothing is sorted here.', apply: () => undefined},
  {
    names: ['--no-clobber-old-sections'],
    values: [],
    help: 'Accepted; what code can address is never moved here.',
    apply: () => undefined,
  },
  {
    names: ['--clear-symbol-version'],
    values: ['SYMBOL'],
    apply: (draft, name) => draft.clearSymbolVersions.push(resolve(name)),
  },
  {names: ['--add-debug-tag'], values: [], apply: (draft) => set(draft, {addDebugTag: true})},
  print('execstack', 'Prints whether the object requests an executable stack'),
  {names: ['--clear-execstack'], values: [], apply: (draft) => set(draft, {execStack: false})},
  {names: ['--set-execstack'], values: [], apply: (draft) => set(draft, {execStack: true})},
  {
    names: ['--rename-dynamic-symbols'],
    values: ['NAME_MAP_FILE'],
    help: 'Renames dynamic symbols. The map file should contain two symbols (old_name new_name) per line',
    apply: (draft, file) => {
      draft.renameSymbols = {...draft.renameSymbols, ...parseSymbolMap(readText(file), file)};
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
    apply: (draft, file) => {
      draft.output = resolve(file);
    },
  },
  {names: ['--debug', '-d'], values: [], apply: (draft) => set(draft, {debug: true})},
  {names: ['--help', '-h'], values: [], apply: (draft) => set(draft, {action: 'help'})},
  {names: ['--version'], values: [], apply: (draft) => set(draft, {action: 'version'})},
];
function set(draft, fields) {
  Object.assign(draft, fields);
}
function editPath(draft, edit, path) {
  draft.edits.add(edit);
  draft.rpath = resolve(path);
}
function print(what, help) {
  const apply = (draft) => void draft.prints.add(what);
  return {names: [`--print-${what}`], values: [], apply, ...(help === undefined ? {} : {help})};
}
/** The syntax, as patchelf writes it. */
export const patchelfHelp = `syntax: elfinterp-patchelf\n${options
  .map(({names, values, help}) => {
    const usage = [names[0], ...values].join(' ');
    return `  [${usage}]${help === undefined ? '' : `\t\t${help}`}\n`;
  })
  .join('')}  FILENAME...\n`;
//# sourceMappingURL=patchelf-options.js.map
