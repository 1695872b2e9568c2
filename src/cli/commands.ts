/*
 * Every command's definition in one place, and none of their code: a run loads only the command that it is.
 */
import {applyOptions, type Command, jsonOption} from './command.js';

const files = {files: {describe: 'ELF files', type: 'string'}} as const;

const interpreterOptions = {
  'allow-relative': {
    type: 'boolean',
    describe: 'accept a path that the kernel looks up from the current directory',
  },
} as const;

export const commands: readonly Command[] = [
  {
    usage: 'get <files..>',
    summary: 'print the interpreter (PT_INTERP), or another string, of each file',
    positionals: files,
    options: {
      rpath: {type: 'boolean', describe: 'print DT_RPATH or DT_RUNPATH instead; empty when there is none'},
      soname: {type: 'boolean', describe: 'print DT_SONAME instead; empty when there is none'},
      ...jsonOption,
    },
    examples: [
      ['$0 get /usr/bin/qemu-arm', '/lib64/ld-linux-x86-64.so.2'],
      ['$0 get --rpath ./program', 'where it looks for libraries'],
      ['$0 get --json /bin/ls /bin/cat', 'for programs: a list with one object a file'],
    ],
    load: () => import('./commands/get.js'),
  },
  {
    usage: 'set <file> <interpreter>',
    summary: 'rewrite the interpreter of a program',
    positionals: {
      file: {describe: 'a dynamically linked program', type: 'string'},
      interpreter: {describe: 'absolute path of the dynamic loader', type: 'string'},
    },
    options: {...applyOptions, ...interpreterOptions, ...jsonOption},
    examples: [
      ['$0 set qemu-arm /debootstrap/qemu-libs/ld.so', 'ask for a relocated loader'],
      ['$0 set --dry-run qemu-arm /opt/ld.so', 'which bytes would change, and why'],
      ['$0 set --output patched qemu-arm /opt/ld.so', 'leave the original alone'],
    ],
    load: () => import('./commands/set.js'),
  },
  {
    usage: 'needed [files..]',
    summary: 'print the libraries (DT_NEEDED) that each file asks for',
    positionals: files,
    options: {
      recursive: {
        type: 'string',
        alias: 'r',
        requiresArg: true,
        describe: 'every ELF file under this directory',
      },
      ...jsonOption,
    },
    examples: [
      ['$0 needed qemu-arm', 'one name a line, in the order of the loader'],
      ['$0 needed -r /usr/lib', 'FILE: NAME for every library there'],
    ],
    load: () => import('./commands/needed.js'),
  },
  {
    usage: 'check <files..>',
    summary: 'look for inconsistent headers, one problem a line',
    positionals: files,
    options: jsonOption,
    examples: [['$0 check ./program && echo sound', 'exit status 1 when there is a problem']],
    load: () => import('./commands/check.js'),
  },
  {
    usage: 'edit <files..>',
    summary: 'change interpreter and library search path',
    positionals: files,
    options: {
      interpreter: {type: 'string', requiresArg: true, describe: 'the dynamic loader'},
      rpath: {
        type: 'string',
        requiresArg: true,
        describe: "search path as DT_RPATH: also serves the libraries' libraries",
      },
      runpath: {type: 'string', requiresArg: true, describe: 'search path as DT_RUNPATH: this object only'},
      'remove-rpath': {type: 'boolean', describe: 'remove DT_RPATH and DT_RUNPATH'},
      ...applyOptions,
      ...interpreterOptions,
      ...jsonOption,
    },
    examples: [
      ['$0 edit qemu-arm --interpreter /opt/q/ld.so --rpath /opt/q', 'relocate a program'],
      ['$0 edit --remove-rpath lib*.so', 'several files; those that cannot be done are named'],
    ],
    load: () => import('./commands/edit.js'),
  },
];
