import type {Definition} from '../command.js';
import {files, flag, jsonOption, recursive} from '../options.js';

export const get = {
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
} as const satisfies Definition;

export const needed = {
  usage: 'needed [files..]',
  summary: 'print the libraries that each file needs (DT_NEEDED)',
  positionals: files,
  options: {...recursive('ELF file'), ...jsonOption},
  examples: [
    {line: 'elfinterp needed qemu-arm', meaning: 'one name per line, in the order of the loader'},
    {line: 'elfinterp needed -r /usr/lib', meaning: 'FILE: NAME for every file there'},
  ],
} as const satisfies Definition;

export const check = {
  usage: 'check <files..>',
  summary: 'look for inconsistent headers; print one problem per line',
  positionals: files,
  options: jsonOption,
  examples: [
    {line: 'elfinterp check ./program && echo ok', meaning: 'exit status 1 when there is a problem'},
  ],
} as const satisfies Definition;
