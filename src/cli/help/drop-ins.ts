/*
 * The manual of the two programs that stand in for others. Their help is laid out as theirs is; the options are the
 * same.
 */
import {chrpathEntries} from '../chrpath.js';
import {patchelfEntries} from '../patchelf-options.js';
import type {Page} from './page.js';

export const dropInPages: readonly Page[] = [
  {
    name: 'elfinterp-patchelf',
    summary: "change ELF programs by patchelf's command line",
    usage: 'elfinterp-patchelf OPTION... FILE...',
    sections: [{title: 'Options', entries: patchelfEntries}],
    examples: [
      {line: 'elfinterp-patchelf --print-rpath program', meaning: 'where it looks for libraries'},
      {
        line: "elfinterp-patchelf --set-rpath '$ORIGIN/lib' --set-interpreter /opt/q/ld.so program",
        meaning: 'one run, and one new file, for all that shall change',
      },
      {
        line: 'export VSCODE_SERVER_PATCHELF_PATH=$(command -v elfinterp-patchelf)',
        meaning: 'for VS Code Server on a system whose glibc is too old',
      },
    ],
    notes: [
      'Options may stand in any order and are carried out in that of patchelf; what is printed is what stands in the \
file before. A value that begins with @ names a file that holds it.',
      'The file is replaced at once by a finished one: an interruption leaves the old one or the new one.',
    ],
    exitStatus:
      '0: done. 1: a file could not be changed, and those behind it were left alone, or the command line is wrong.',
    related: ['elfinterp', 'elfinterp edit', 'elfinterp-chrpath'],
  },
  {
    name: 'elfinterp-chrpath',
    summary: "list or change the search path of ELF programs by chrpath's command line",
    usage: 'elfinterp-chrpath [OPTION...] PROGRAM...',
    sections: [{title: 'Options', entries: chrpathEntries}],
    examples: [
      {line: 'elfinterp-chrpath -l program', meaning: 'prints program: RUNPATH=$ORIGIN'},
      {line: 'elfinterp-chrpath -r /opt/lib program', meaning: 'the new path may be longer than the old one'},
    ],
    notes: ['Only a path that is there is replaced; elfinterp edit --rpath adds one.'],
    exitStatus: '0: done. 1: something that was asked for could not be done. 2: a program has no path.',
    related: ['elfinterp', 'elfinterp edit', 'elfinterp-patchelf'],
  },
];
