import type {Definition} from '../command.js';
import {applyOptions, choice, flag, interpreterOptions, jsonOption, list, text} from '../options.js';

const editOptions = {
  interpreter: text('FILE', 'set the dynamic loader (PT_INTERP)'),
  'add-interpreter': flag(
    'add the interpreter even to a file without one, such as a library that should be executable',
  ),
  rpath: text(
    'DIRS',
    'set the search path as DT_RPATH, which also applies to the dependencies of its libraries',
  ),
  runpath: text('DIRS', 'set the search path as DT_RUNPATH, which applies to this file only'),
  'convert-rpath': choice('TAG', ['rpath', 'runpath'], 'keep the search path, but change its tag'),
  'add-rpath': text('DIRS', 'append directories to the existing search path, else to a new DT_RUNPATH'),
  'remove-rpath': flag('remove DT_RPATH and DT_RUNPATH'),
  'shrink-rpath': flag('keep only search path directories that contain a needed library'),
  'allowed-rpath-prefixes': text(
    'DIRS',
    'with --shrink-rpath: also drop directories that are not below one of these (DIR:DIR)',
  ),
  'add-needed': list('NAME', 'append a library to DT_NEEDED'),
  'add-needed-first': list('NAME', 'add a library to DT_NEEDED before the others'),
  'remove-needed': list('NAME', 'remove a library from DT_NEEDED'),
  'replace-needed': list('OLD=NEW', 'replace a library in DT_NEEDED'),
  soname: text('NAME', 'set DT_SONAME of a library'),
  'default-lib': flag('let ld.so also search its default directories, or not (DF_1_NODEFLIB)', {
    twoWays: true,
  }),
  'exec-stack': flag('make the stack executable, or not', {twoWays: true}),
  'os-abi': text('NAME', 'set the OS ABI in the header: "System V", Linux, FreeBSD, ...'),
  'add-debug-tag': flag('add DT_DEBUG, which debuggers use to find the libraries'),
  'clear-symbol-version': list('NAME', 'remove the version of a dynamic symbol'),
  'rename-symbol': list('OLD=NEW', 'rename a dynamic symbol'),
  'rename-symbols': text('FILE', 'rename the symbols listed in a file with lines of "old new"'),
  'page-size': text('BYTES', "alignment of a new segment (default: that of the file's segments)"),
  payload: choice(
    'HOW',
    ['keep', 'move', 'keep-and-repeat'],
    'what to do with data appended to the program (as in a self-extracting one): keep it at its offset, move it to the new end of the file, or keep it and repeat its last bytes at the new end',
  ),
  'files-from': text(
    'FILE',
    'also edit the files listed in this file, one path per line; - is standard input',
  ),
  null: flag('with --files-from: paths end with a NUL, as written by find -print0', {alias: '0'}),
  'skip-static': flag(
    'skip files that no dynamic loader reads (static programs, object files, core files, debug files), and files without an interpreter to set',
  ),
  'skip-non-elf': flag('skip files that are not ELF'),
} as const;

export const set = {
  usage: 'set <file> <interpreter>',
  summary: 'change the interpreter of a program',
  positionals: {
    file: {describe: 'a dynamically linked program', type: 'string'},
    interpreter: {describe: 'absolute path of the dynamic loader', type: 'string'},
  },
  options: {...applyOptions, ...interpreterOptions, ...jsonOption},
  examples: [
    {line: 'elfinterp set qemu-arm /debootstrap/qemu-libs/ld.so', meaning: 'use a loader in another place'},
    {line: 'elfinterp set --dry-run qemu-arm /opt/ld.so', meaning: 'which bytes would change, and why'},
    {line: 'elfinterp set --output patched qemu-arm /opt/ld.so', meaning: 'leave the original unchanged'},
  ],
} as const satisfies Definition;

export const edit = {
  usage: 'edit [files..]',
  summary: 'change interpreter, search path, needed libraries, soname, flags, symbols',
  positionals: {
    files: {describe: 'ELF files; - reads standard input and writes standard output', type: 'string'},
  },
  options: {...editOptions, ...applyOptions, ...interpreterOptions, ...jsonOption},
  examples: [
    {
      line: 'elfinterp edit qemu-arm --interpreter /opt/q/ld.so --rpath /opt/q',
      meaning: 'use a loader and libraries in another place',
    },
    {
      line: 'elfinterp edit --remove-rpath lib*.so',
      meaning: 'several files; failures are listed',
    },
    {
      line: 'elfinterp edit --replace-needed libssl.so.1=libssl.so.3 prog',
      meaning: 'another library, with its symbol versions',
    },
    {
      line: 'find . -type f -print0 | elfinterp edit -0 --files-from - --skip-non-elf --skip-static --shrink-rpath',
      meaning: 'many files at once',
    },
  ],
  epilogue:
    'The edits are made in the order of the options above, regardless of the order on the command line.',
} as const satisfies Definition;
