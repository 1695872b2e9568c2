import type {Definition} from '../command.js';
import {choice, exitStatusOfCommand, flag, idMap, jsonOption, text} from '../options.js';

const entryNames = {names: {describe: 'entry names', type: 'string', complete: 'nothing'}} as const;

const tableOption = {
  table: text('DIR', 'mount point of binfmt_misc (default: where it is mounted)'),
} as const;

const changeOptions = {...tableOption, global: flag("allow changes to the machine's own table")} as const;

const exportOption = (more = '') =>
  choice('FORMAT', ['binfmt.d', 'update-binfmts'], `print the entry in the format of another tool${more}`);

export const binfmtList = {
  usage: 'binfmt list',
  summary: 'list the binfmt_misc entries, newest first (the newest match wins)',
  positionals: {},
  options: {...tableOption, ...jsonOption},
  examples: [
    {
      line: 'elfinterp binfmt list',
      meaning: 'name, state, flags, interpreter and qemu-user target',
    },
  ],
} as const satisfies Definition;

export const binfmtShow = {
  usage: 'binfmt show <names..>',
  summary: 'show entries in full, or in the format of another tool',
  positionals: entryNames,
  options: {...tableOption, export: exportOption(), ...jsonOption},
  examples: [
    {line: 'elfinterp binfmt show qemu-arm', meaning: 'what it matches, and what its flags mean'},
    {line: 'elfinterp binfmt show qemu-arm --export binfmt.d', meaning: 'a line for /etc/binfmt.d'},
  ],
} as const satisfies Definition;

export const binfmtStatus = {
  usage: 'binfmt status',
  summary: 'show whether binfmt_misc is mounted, where, and whose table it is',
  positionals: {},
  options: {...tableOption, ...jsonOption},
  examples: [
    {
      line: 'elfinterp binfmt status',
      meaning: 'also whether the kernel gives each user namespace its own table',
    },
  ],
} as const satisfies Definition;

export const binfmtRegister = {
  usage: 'binfmt register [interpreter]',
  summary: 'register an emulator, or the emulators of a chroot',
  positionals: {
    interpreter: {
      describe:
        'name of an emulator on this machine, which will start in every root; or the path at which the kernel will look for one',
      type: 'string',
    },
  },
  options: {
    chroot: text(
      'DIR',
      "register the emulators in this chroot's bundle, for all chroots with the same prefix; if it has no bundle, this machine's emulator for the chroot",
    ),
    target: text('TARGET', 'qemu-user target (default: taken from the name, qemu-TARGET)'),
    name: text('NAME', 'name of the entry (default: qemu-TARGET)'),
    flags: text('FLAGS', 'any of the flags P, O, C, F (default: P; PF if INTERPRETER is a name)'),
    into: text(
      'DIR',
      'directory for the packed copy of a dynamically linked emulator (default: /var/lib/elfinterp; for a private table, the cache)',
    ),
    inherit: flag(
      'with --table: first register the enabled entries of the outer table, which this table hides',
    ),
    test: flag(
      'run a tiny program with the emulator, and keep the entry only if it starts; with --chroot, inside the chroot; always done if INTERPRETER is a name',
    ),
    export: exportOption('; register nothing, but store the packed copy that the entry names'),
    ...changeOptions,
  },
  examples: [
    {
      line: 'elfinterp binfmt register qemu-aarch64 --global',
      meaning:
        'for docker, schroot, and kernels before 6.7: dynamically linked or static, it starts in every root',
    },
    {
      line: 'sudo elfinterp binfmt register qemu-aarch64 --export binfmt.d | sudo tee /etc/binfmt.d/qemu-aarch64.conf',
      meaning: 'register it at each boot',
    },
    {
      line: 'elfinterp binfmt register --chroot ./chroot --global',
      meaning: "the emulators of the chroot's bundle, for plain chroot(8)",
    },
    {
      line: 'elfinterp binfmt register /debootstrap/qemu-arm --export binfmt.d',
      meaning: 'only print the entry',
    },
  ],
} as const satisfies Definition;

export const binfmtRun = {
  usage: 'binfmt run <architectures..>',
  summary: 'run a command on this machine with emulators registered only for it',
  positionals: {
    architectures: {
      describe:
        'Debian architectures (arm64), qemu-user targets (aarch64), or emulators on this machine (./qemu-arm)',
      type: 'string',
      complete: 'nothing',
    },
  },
  options: {
    flags: text('FLAGS', 'binfmt_misc flags of the emulators, besides F (default: P)'),
    'id-map': idMap('auto', 'identity', 'subordinate', 'single', 'own'),
  },
  rest: {name: 'COMMAND', describe: 'the command to run', isRequired: true},
  examples: [
    {
      line: 'elfinterp binfmt run arm64 -- buildah bud --arch arm64 .',
      meaning: 'a container image of another architecture, without root',
    },
    {
      line: 'QEMU_LD_PREFIX=/usr/aarch64-linux-gnu elfinterp binfmt run arm64 --id-map own -- make check',
      meaning: 'a test suite compiled for another architecture',
    },
  ],
  epilogue:
    'elfinterp exits with the exit status of the command. Containers that the command starts see the emulators too: a dynamically linked emulator is packed into one file for them, in $XDG_CACHE_HOME/elfinterp, or /var/cache/elfinterp for root.',
  exitStatus: exitStatusOfCommand,
} as const satisfies Definition;

/** A command that changes existing entries. */
const change = <const Verb extends string>(verb: Verb, summary: string) =>
  ({
    usage: `binfmt ${verb} <names..>`,
    summary,
    positionals: entryNames,
    options: changeOptions,
    examples: [{line: `elfinterp binfmt ${verb} qemu-arm --global`, meaning: "in the machine's own table"}],
  }) as const satisfies Definition;

export const binfmtUnregister = change(
  'unregister',
  'remove entries, and the packed emulators that were stored for them',
);

export const binfmtEnable = change('enable', 'enable entries');

export const binfmtDisable = change('disable', 'disable entries, so that older matching entries apply');
