import type {Definition} from '../command.js';
import {choice, flag, jsonOption, list, recursive, text} from '../options.js';
import {formats} from './formats.js';

export const tree = {
  usage: 'tree [files..]',
  summary: 'show which libraries would be loaded, from where, and why; runs nothing',
  positionals: {files: {describe: 'programs or libraries; with --root, paths inside it', type: 'string'}},
  options: {
    ...recursive('dynamic ELF file'),
    root: text('DIR', 'resolve as if this directory were /'),
    'library-path': text('DIRS', 'the LD_LIBRARY_PATH that the program would be started with'),
    preload: list('NAME', 'library to load first, as with LD_PRELOAD'),
    library: list('NAME', 'library to load as if the program needed it'),
    dlopen: choice(
      'LEVEL',
      ['required', 'recommended', 'suggested'],
      'follow the libraries that files declare for dlopen (.note.dlopen), down to this priority',
    ),
    hwcaps: text('NAME', 'best glibc-hwcaps level of the CPU, such as x86-64-v3 (default: none)'),
    symbols: flag('also look for undefined symbols'),
    modules: flag('also report how each library loads modules at run time'),
    list: flag('print only paths: the loader and the libraries, one per line'),
    format: choice('FORMAT', formats, 'output format', {
      usual: 'text',
    }),
    why: text('NAME', 'show why this library is loaded'),
    reverse: text('NAME', 'show which files need this library, directly or not'),
    all: flag('show each request on its own line, or as its own arrow in a picture', {alias: 'a'}),
    ...jsonOption,
  },
  examples: [
    {line: 'elfinterp tree /usr/bin/qemu-arm', meaning: 'one library per line, with the reason'},
    {
      line: 'elfinterp tree --list --root ./armel /bin/ls',
      meaning: 'loader and libraries of a chroot, one path per line',
    },
    {
      line: 'elfinterp tree --why libz.so.1 /usr/bin/qemu-arm',
      meaning: 'the path from the program to libz',
    },
    {line: 'elfinterp tree --reverse libssl.so.3 -r /usr/bin', meaning: 'which programs pull it in'},
    {line: 'elfinterp tree --format svg /usr/bin/qemu-arm > qemu-arm.svg', meaning: 'a picture'},
  ],
  epilogue: 'LD_LIBRARY_PATH in the environment has no effect; use --library-path.',
} as const satisfies Definition;
