import type {Command} from '../command.js';
import {choice, flag, jsonOption, list, text} from '../options.js';

export const packCommands: readonly Command[] = [
  {
    usage: 'pack <program> <output>',
    summary: 'make one file of a program, its loader and its libraries, which runs anywhere',
    positionals: {
      program: {describe: 'an x86-64 or aarch64 program; with --root, a path inside it', type: 'string'},
      output: {describe: 'the packed file; one that is there is replaced', type: 'string'},
    },
    options: {
      root: text('DIR', 'take the program and its libraries from this root directory'),
      'library-path': text('DIRS', 'directories to look for libraries in first'),
      library: list('NAME', 'a library to pack besides those that are asked for: a plugin, say'),
      dlopen: choice(
        'LEVEL',
        ['required', 'recommended', 'suggested'],
        'pack what files say that they open themselves (.note.dlopen), down to this priority',
      ),
      closed: flag('let the loader open nothing but what is inside (default for qemu-user emulators)', {
        twoWays: true,
      }),
      isolate: flag('let the loader inside ignore LD_* variables, ld.so.preload and ld.so.cache', {
        default: true,
      }),
      'loader-only': flag('pack the loader alone; libraries are looked for as ever'),
      'record-sources': flag('write down in the file where each part was taken from'),
      'dry-run': flag('print the map of the file; write nothing', {alias: 'n'}),
      ...jsonOption,
    },
    examples: [
      {line: 'elfinterp pack /usr/bin/qemu-arm qemu-arm', meaning: 'an emulator for binfmt_misc with flag F'},
      {line: 'elfinterp pack --root ./trixie /usr/bin/curl curl', meaning: "Debian 13's curl, for any Linux"},
      {line: 'elfinterp pack --library libplugin.so ./viewer viewer-packed', meaning: 'with a plugin'},
      {line: 'elfinterp pack -n /usr/bin/git git-packed', meaning: 'what would be where in the file'},
    ],
    epilogue:
      'With glibc, loader and libraries go inside. With musl, the loader must be the only library. Data files, locales and ' +
      'gconv modules stay outside. See docs/self-contained.md.',
    load: () => import('../commands/pack.js'),
  },
  {
    usage: 'unpack <file>',
    summary: 'take the program, the loader and the libraries out of a packed file again',
    positionals: {file: {describe: 'a file that `elfinterp pack` made', type: 'string'}},
    options: {
      into: text('DIR', 'where they go; the directory is made when it does not exist', {demandOption: true}),
      ...jsonOption,
    },
    examples: [
      {line: 'elfinterp unpack qemu-arm --into parts', meaning: 'each file byte by byte as it was packed'},
    ],
    load: () => import('../commands/unpack.js'),
  },
];
