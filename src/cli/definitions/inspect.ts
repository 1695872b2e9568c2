import type {Command} from '../command.js';
import {choice, files, flag, jsonOption, list, text} from '../options.js';

const recursive = (what: string) => ({
  recursive: {...list('DIR', `every ${what} below this directory`), alias: 'r'},
});

const treeOptions = {
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
  format: choice('FORMAT', ['text', 'list', 'json', 'dot', 'svg', 'mermaid'], 'output format', {
    usual: 'text',
  }),
  why: text('NAME', 'show why this library is loaded'),
  reverse: text('NAME', 'show which files need this library, directly or not'),
  all: flag('show each request as its own line, or as an arrow in a picture', {alias: 'a'}),
  ...jsonOption,
} as const satisfies Command['options'];

/** The commands that only look. */
export const inspectCommands: readonly Command[] = [
  {
    usage: 'get <files..>',
    summary: 'print the interpreter (PT_INTERP), or another string, of each file',
    positionals: files,
    options: {
      rpath: flag('print DT_RPATH or DT_RUNPATH instead; empty if there is none'),
      soname: flag('print DT_SONAME instead; empty if there is none'),
      ...jsonOption,
    },
    examples: [
      {line: 'elfinterp get /usr/bin/qemu-arm', meaning: 'prints /lib64/ld-linux-x86-64.so.2'},
      {line: 'elfinterp get --rpath ./program', meaning: 'its library search path'},
      {
        line: 'elfinterp get --json /bin/ls /bin/cat',
        meaning: 'for scripts: a list with one object per file',
      },
    ],
    load: () => import('../commands/get.js'),
  },
  {
    usage: 'needed [files..]',
    summary: 'print the libraries that each file needs (DT_NEEDED)',
    positionals: files,
    options: {...recursive('ELF file'), ...jsonOption},
    examples: [
      {line: 'elfinterp needed qemu-arm', meaning: 'one name per line, in the order of the loader'},
      {line: 'elfinterp needed -r /usr/lib', meaning: 'FILE: NAME for every file there'},
    ],
    load: () => import('../commands/needed.js'),
  },
  {
    usage: 'show <file>',
    summary: 'describe a file, and draw a map of it to scale',
    positionals: {file: {describe: 'an ELF file', type: 'string'}},
    options: {
      format: choice(
        'FORMAT',
        ['text', 'json', 'svg', 'html'],
        'output format: text for the terminal, JSON, an SVG picture, or an HTML page',
        {usual: 'text'},
      ),
      diff: text('FILE', 'compare with this file, for example the same program after an edit'),
      ...jsonOption,
    },
    examples: [
      {
        line: 'elfinterp show qemu-arm',
        meaning: 'interpreter, libraries, hardening, the glibc it needs, and the map',
      },
      {line: 'elfinterp show --format html qemu-arm > qemu-arm.html', meaning: 'the same as a page'},
      {line: 'elfinterp show qemu-arm --diff patched', meaning: 'what an edit changed, and where'},
    ],
    load: () => import('../commands/show.js'),
  },
  {
    usage: 'tree [files..]',
    summary: 'show which libraries would be loaded, from where, and why; runs nothing',
    positionals: {files: {describe: 'programs or libraries; with --root, paths inside it', type: 'string'}},
    options: treeOptions,
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
    load: () => import('../commands/tree.js'),
  },
  {
    usage: 'check <files..>',
    summary: 'look for inconsistent headers; prints one problem per line',
    positionals: files,
    options: jsonOption,
    examples: [
      {line: 'elfinterp check ./program && echo sound', meaning: 'exit status 1 when there is a problem'},
    ],
    load: () => import('../commands/check.js'),
  },
];
