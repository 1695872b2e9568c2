import type {Command} from '../command.js';
import {choice, flag, jsonOption, text} from '../options.js';

const entryNames = {names: {describe: 'names of entries', type: 'string', complete: 'nothing'}} as const;

const tableOption = {
  table: text('DIR', 'where binfmt_misc is mounted (default: the mount that is seen)'),
} as const;

const changeOptions = {...tableOption, global: flag("allow a change of the machine's own table")} as const;

const exportOption = (more = '') =>
  choice('FORMAT', ['binfmt.d', 'update-binfmts'], `print it in the format of another tool${more}`);

const verbs = {
  unregister: 'take entries out of the table',
  enable: 'switch entries on',
  disable: 'switch entries off: older ones that match have their turn',
} as const;

export const binfmtCommands: readonly Command[] = [
  {
    usage: 'binfmt list',
    summary: 'list what is registered with binfmt_misc, the newest entry first: it wins',
    positionals: {},
    options: {...tableOption, ...jsonOption},
    examples: [
      {
        line: 'elfinterp binfmt list',
        meaning: 'name, state, flags, interpreter, and which qemu-user target it is for',
      },
    ],
    load: () => import('../commands/binfmt-list.js'),
  },
  {
    usage: 'binfmt show <names..>',
    summary: 'show entries in full, or in the format of another tool',
    positionals: entryNames,
    options: {...tableOption, export: exportOption(), ...jsonOption},
    examples: [
      {line: 'elfinterp binfmt show qemu-arm', meaning: 'what it matches, and what its flags mean'},
      {line: 'elfinterp binfmt show qemu-arm --export binfmt.d', meaning: 'a line for /etc/binfmt.d'},
    ],
    load: () => import('../commands/binfmt-show.js'),
  },
  {
    usage: 'binfmt status',
    summary: 'tell whether binfmt_misc is mounted, where, and whose table it is',
    positionals: {},
    options: {...tableOption, ...jsonOption},
    examples: [
      {
        line: 'elfinterp binfmt status',
        meaning: 'and whether the kernel gives each user namespace one of its own',
      },
    ],
    load: () => import('../commands/binfmt-status.js'),
  },
  {
    usage: 'binfmt register [interpreter]',
    summary: 'register an emulator, or the emulators of a chroot',
    positionals: {interpreter: {describe: "the emulator's path, as it will be looked up", type: 'string'}},
    options: {
      chroot: text(
        'DIR',
        "the emulators of this chroot's bundle: they serve chroots with the same prefix, and nobody else",
      ),
      target: text('TARGET', 'qemu-user target (default: by the name, qemu-TARGET)'),
      name: text('NAME', 'name of the entry (default: qemu-TARGET)'),
      flags: text('FLAGS', 'out of P, O, C, F', {default: 'P'}),
      inherit: flag(
        'with --table: register there first what it hides, the enabled entries of the table outside',
      ),
      test: flag('start a tiny program that needs it, and fail if it does not run; with --chroot, inside'),
      export: exportOption('; register nothing'),
      ...changeOptions,
    },
    examples: [
      {
        line: 'elfinterp binfmt register --chroot ./chroot --global',
        meaning: 'for kernels before 6.7, and plain chroot(8)',
      },
      {
        line: 'elfinterp binfmt register /usr/bin/qemu-arm-static --flags PF --test --global',
        meaning: 'a static emulator, opened once and for all, and see it work',
      },
      {
        line: 'elfinterp binfmt register /debootstrap/qemu-arm --export binfmt.d',
        meaning: 'print it only',
      },
    ],
    load: () => import('../commands/binfmt-register.js'),
  },
  ...(['unregister', 'enable', 'disable'] as const).map(
    (verb): Command => ({
      usage: `binfmt ${verb} <names..>`,
      summary: verbs[verb],
      positionals: entryNames,
      options: changeOptions,
      examples: [{line: `elfinterp binfmt ${verb} qemu-arm --global`, meaning: "in the machine's own table"}],
      load: async () => ({run: (await import('../commands/binfmt-change.js'))[verb]}),
    }),
  ),
];
