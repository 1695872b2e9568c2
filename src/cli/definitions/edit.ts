import type {Command} from '../command.js';
import {applyOptions, choice, flag, interpreterOptions, jsonOption, list, text} from '../options.js';

const editOptions = {
  interpreter: text('FILE', 'the dynamic loader'),
  'add-interpreter': flag(
    'give the interpreter also to a file that has none, as a library that shall be run',
  ),
  rpath: text('DIRS', "search path as DT_RPATH: also serves the libraries' libraries"),
  runpath: text('DIRS', 'search path as DT_RUNPATH: this object only'),
  'convert-rpath': choice('TAG', ['rpath', 'runpath'], 'keep the search path, under this tag'),
  'add-rpath': text('DIRS', 'append directories to the search path that is there, else to a new DT_RUNPATH'),
  'remove-rpath': flag('remove DT_RPATH and DT_RUNPATH'),
  'shrink-rpath': flag('keep only the directories of the search path in which a needed library lies'),
  'allowed-rpath-prefixes': text('DIRS', 'with --shrink-rpath, and only those below one of these: DIR:DIR'),
  'add-needed': list('NAME', 'a library to append to DT_NEEDED'),
  'add-needed-first': list('NAME', 'a library to put in front of the others'),
  'remove-needed': list('NAME', 'a library to take out'),
  'replace-needed': list('OLD=NEW', 'another name for a library'),
  soname: text('NAME', 'the name that a library goes by'),
  'default-lib': flag('let ld.so search its own directories too, or not (DF_1_NODEFLIB)', {twoWays: true}),
  'exec-stack': flag('make the stack executable, or not', {twoWays: true}),
  'os-abi': text('NAME', 'the OS ABI that the header names: "System V", Linux, FreeBSD, ...'),
  'add-debug-tag': flag('add DT_DEBUG, through which debuggers find the libraries'),
  'clear-symbol-version': list('NAME', 'a dynamic symbol that shall have no version'),
  'rename-symbol': list('OLD=NEW', 'another name for a dynamic symbol'),
  'rename-symbols': text('FILE', 'file with lines of "old new", as --rename-symbol'),
  'page-size': text('BYTES', "alignment of a new segment (default: as the file's own)"),
  payload: choice(
    'HOW',
    ['keep', 'move', 'keep-and-repeat'],
    'data behind the program (self-extracting): keep it at its offset, move it to the new end, or keep it and repeat its last bytes there',
  ),
  'files-from': text(
    'FILE',
    'edit also the files that this file lists, one path a line; - is standard input',
  ),
  null: flag('with --files-from: paths end with a NUL, as find -print0 writes them', {alias: '0'}),
  'skip-static': flag('pass over static programs, object files, and files that have no interpreter to set'),
  'skip-non-elf': flag('pass over what is no ELF file'),
} as const;

/** The commands that change files. */
export const editCommands: readonly Command[] = [
  {
    usage: 'set <file> <interpreter>',
    summary: 'rewrite the interpreter of a program',
    positionals: {
      file: {describe: 'a dynamically linked program', type: 'string'},
      interpreter: {describe: 'absolute path of the dynamic loader', type: 'string'},
    },
    options: {...applyOptions, ...interpreterOptions, ...jsonOption},
    examples: [
      {line: 'elfinterp set qemu-arm /debootstrap/qemu-libs/ld.so', meaning: 'ask for a relocated loader'},
      {line: 'elfinterp set --dry-run qemu-arm /opt/ld.so', meaning: 'which bytes would change, and why'},
      {line: 'elfinterp set --output patched qemu-arm /opt/ld.so', meaning: 'leave the original alone'},
    ],
    load: () => import('../commands/set.js'),
  },
  {
    usage: 'edit [files..]',
    summary: 'change interpreter, search path, needed libraries, soname, flags, symbols',
    positionals: {
      files: {describe: 'ELF files; - reads standard input and writes standard output', type: 'string'},
    },
    options: {...editOptions, ...applyOptions, ...interpreterOptions, ...jsonOption},
    examples: [
      {
        line: 'elfinterp edit qemu-arm --interpreter /opt/q/ld.so --rpath /opt/q',
        meaning: 'relocate a program',
      },
      {
        line: 'elfinterp edit --remove-rpath lib*.so',
        meaning: 'several files; those that cannot be done are named',
      },
      {
        line: 'elfinterp edit --replace-needed libssl.so.1=libssl.so.3 prog',
        meaning: 'another library; symbol versions follow',
      },
      {
        line: 'find . -type f -print0 | elfinterp edit -0 --files-from - --skip-non-elf --skip-static --shrink-rpath',
        meaning: 'many files at once',
      },
    ],
    epilogue: 'The edits are carried out in the order in which they stand above, whatever the order given.',
    load: () => import('../commands/edit.js'),
  },
];
