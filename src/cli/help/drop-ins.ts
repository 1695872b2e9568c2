/*
 * The manual pages of the two drop-in replacements. Their own help is laid out like that of the originals; the options
 * are the same.
 */
import {chrpathEntries} from '../drop-ins/chrpath.js';
import {patchelfEntries} from '../drop-ins/patchelf-options.js';
import type {Page} from './page.js';

export const dropInPages: readonly Page[] = [
  {
    name: 'elfinterp-patchelf',
    summary: 'change ELF programs with the command line of patchelf',
    usage: 'elfinterp-patchelf OPTION... FILE...',
    sections: [{title: 'Options', entries: patchelfEntries}],
    examples: [
      {line: 'elfinterp-patchelf --print-rpath program', meaning: 'its library search path'},
      {
        line: "elfinterp-patchelf --set-rpath '$ORIGIN/lib' --set-interpreter /opt/q/ld.so program",
        meaning: 'all changes in one run, which replaces the file once',
      },
      {
        line: 'export VSCODE_SERVER_PATCHELF_PATH=$(command -v elfinterp-patchelf)',
        meaning: 'for VS Code Server on a system whose glibc is too old',
      },
    ],
    notes: [
      'The order of the options does not matter: edits are made in the order of patchelf, and printed values are those of the \
file before the edit. A value that begins with @ names a file that contains the value.',
      'The file is replaced atomically: an interruption leaves either the old or the new one.',
    ],
    exitStatus:
      '0: success. 1: the command line is wrong, or a file could not be changed; the files after it were left unchanged.',
    related: ['elfinterp', 'elfinterp edit', 'elfinterp-chrpath'],
  },
  {
    name: 'elfinterp-chrpath',
    summary: 'list or change the search path of ELF programs with the command line of chrpath',
    usage: 'elfinterp-chrpath [OPTION...] PROGRAM...',
    sections: [{title: 'Options', entries: chrpathEntries}],
    examples: [
      {line: 'elfinterp-chrpath -l program', meaning: 'prints program: RUNPATH=$ORIGIN'},
      {line: 'elfinterp-chrpath -r /opt/lib program', meaning: 'the new path may be longer than the old one'},
    ],
    notes: [
      'Only an existing path is replaced; use elfinterp edit --rpath to add one.',
      'A path of any length fits. Errors are worded differently from those of chrpath.',
    ],
    exitStatus:
      '0: success. 1: the command line is wrong (with chrpath, the status is then 0), or an operation failed. 2: a program has \
no path.',
    related: ['elfinterp', 'elfinterp edit', 'elfinterp-patchelf'],
  },
];
