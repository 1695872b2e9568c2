import type {Definition} from '../command.js';
import {dlopenLevelOption, flag, jsonOption, list, text} from '../options.js';

export const pack = {
  usage: 'pack <program> <output>',
  summary: 'pack a program, its loader and its libraries into one file that runs anywhere',
  positionals: {
    program: {describe: 'an x86-64 or aarch64 program; with --root, a path inside it', type: 'string'},
    output: {describe: 'the packed file; an existing file is replaced', type: 'string'},
  },
  options: {
    root: text('DIR', 'take the program and its libraries from this root directory'),
    'library-path': text('DIRS', 'directories to search for libraries first'),
    library: list('NAME', 'additional library to pack, for example a plugin'),
    ...dlopenLevelOption,
    closed: flag('let the loader open only what is inside (default for qemu-user emulators)', {
      twoWays: true,
    }),
    isolate: flag(
      'make the loader inside ignore LD_* variables, ld.so.preload and (not with --loader-only) ld.so.cache',
      {
        default: true,
      },
    ),
    'fixed-address': flag(
      'relocate the program and its libraries to fixed addresses: they start faster, but ASLR no longer moves them (default for qemu-user emulators)',
      {twoWays: true},
    ),
    'loader-only': flag('pack only the loader; libraries are searched for as usual'),
    'record-sources': flag('record in the file where each part came from'),
    'dry-run': flag('print the map of the file, but write nothing', {alias: 'n'}),
    ...jsonOption,
  },
  examples: [
    {line: 'elfinterp pack /usr/bin/qemu-arm qemu-arm', meaning: 'an emulator for binfmt_misc with flag F'},
    {line: 'elfinterp pack --root ./trixie /usr/bin/curl curl', meaning: "Debian 13's curl, for any Linux"},
    {line: 'elfinterp pack --library libplugin.so ./viewer viewer-packed', meaning: 'with a plugin'},
    {line: 'elfinterp pack -n /usr/bin/git git-packed', meaning: 'print the layout of the file'},
  ],
  epilogue:
    'With glibc, the loader and the libraries go inside. With musl, the loader must be the only library. Data files, locales and ' +
    'gconv modules stay outside. See docs/self-contained.md.',
} as const satisfies Definition;

export const unpack = {
  usage: 'unpack <file>',
  summary: 'extract the program, the loader and the libraries from a packed file',
  positionals: {file: {describe: 'a file that `elfinterp pack` made', type: 'string'}},
  options: {
    into: text('DIR', 'directory to extract to; created if it does not exist', {demandOption: true}),
    ...jsonOption,
  },
  examples: [
    {
      line: 'elfinterp unpack qemu-arm --into parts',
      meaning: 'each file, identical to the one that was packed',
    },
  ],
} as const satisfies Definition;
