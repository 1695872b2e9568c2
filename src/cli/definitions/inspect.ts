import type {Command} from '../command.js';
import {choice, files, flag, jsonOption, list, text} from '../options.js';

const recursive = (what: string) => ({
  recursive: {...list('DIR', `every ${what} under this directory`), alias: 'r'},
});

const treeOptions = {
  ...recursive('dynamic ELF file'),
  root: text('DIR', 'resolve as if this directory were /'),
  'library-path': text('DIRS', 'what LD_LIBRARY_PATH would say when the program is started'),
  preload: list('NAME', 'a library to load first, as by LD_PRELOAD'),
  library: list('NAME', 'a library to load as if the program needed it'),
  dlopen: choice(
    'LEVEL',
    ['required', 'recommended', 'suggested'],
    'follow what files say that they open themselves (.note.dlopen), down to this priority',
  ),
  hwcaps: text('NAME', 'best glibc-hwcaps directory of the CPU, as in x86-64-v3 (default: none)'),
  symbols: flag('look for undefined symbols too'),
  modules: flag('say of each library too how it loads modules at run time'),
  list: flag('print paths only: the loader and the libraries, one a line'),
  format: choice('FORMAT', ['text', 'list', 'json', 'dot', 'svg', 'mermaid'], 'how to print it', {
    usual: 'text',
  }),
  why: text('NAME', 'how did this library come in?'),
  reverse: text('NAME', 'who needs this library, and who needs those?'),
  all: flag('give each request a line of its own, or an arrow in a picture', {alias: 'a'}),
  ...jsonOption,
} as const satisfies Command['options'];

/** The commands that only look. */
export const inspectCommands: readonly Command[] = [
  {
    usage: 'get <files..>',
    summary: 'print the interpreter (PT_INTERP), or another string, of each file',
    positionals: files,
    options: {
      rpath: flag('print DT_RPATH or DT_RUNPATH instead; empty when there is none'),
      soname: flag('print DT_SONAME instead; empty when there is none'),
      ...jsonOption,
    },
    examples: [
      {line: 'elfinterp get /usr/bin/qemu-arm', meaning: 'prints /lib64/ld-linux-x86-64.so.2'},
      {line: 'elfinterp get --rpath ./program', meaning: 'where it looks for libraries'},
      {line: 'elfinterp get --json /bin/ls /bin/cat', meaning: 'for programs: a list with one object a file'},
    ],
    load: () => import('../commands/get.js'),
  },
  {
    usage: 'needed [files..]',
    summary: 'print the libraries (DT_NEEDED) that each file asks for',
    positionals: files,
    options: {...recursive('ELF file'), ...jsonOption},
    examples: [
      {line: 'elfinterp needed qemu-arm', meaning: 'one name a line, in the order of the loader'},
      {line: 'elfinterp needed -r /usr/lib', meaning: 'FILE: NAME for every library there'},
    ],
    load: () => import('../commands/needed.js'),
  },
  {
    usage: 'show <file>',
    summary: 'say what a file is, and draw a map of it to scale',
    positionals: {file: {describe: 'an ELF file', type: 'string'}},
    options: {
      format: choice(
        'FORMAT',
        ['text', 'json', 'svg', 'html'],
        'text for the terminal, data, or a picture or page that a browser shows',
        {usual: 'text'},
      ),
      diff: text('FILE', 'compare with this file: the same program after an edit, say'),
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
    summary: 'show which libraries would be loaded, from where, and why; nothing is run',
    positionals: {files: {describe: 'programs or libraries; with --root, paths inside it', type: 'string'}},
    options: treeOptions,
    examples: [
      {line: 'elfinterp tree /usr/bin/qemu-arm', meaning: 'one library a line, each with its reason'},
      {
        line: 'elfinterp tree --list --root ./armel /bin/ls',
        meaning: 'loader and libraries of a chroot, one path a line',
      },
      {line: 'elfinterp tree --why libz.so.1 /usr/bin/qemu-arm', meaning: 'the way from the program to libz'},
      {line: 'elfinterp tree --reverse libssl.so.3 -r /usr/bin', meaning: 'who pulls this in?'},
      {line: 'elfinterp tree --format svg /usr/bin/qemu-arm > qemu-arm.svg', meaning: 'a picture'},
    ],
    epilogue: 'The environment of this command does not count: LD_LIBRARY_PATH is --library-path here.',
    load: () => import('../commands/tree.js'),
  },
  {
    usage: 'check <files..>',
    summary: 'look for inconsistent headers, one problem a line',
    positionals: files,
    options: jsonOption,
    examples: [
      {line: 'elfinterp check ./program && echo sound', meaning: 'exit status 1 when there is a problem'},
    ],
    load: () => import('../commands/check.js'),
  },
];
