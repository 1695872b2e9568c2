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
  unregister: 'take entries out of the table, and the files that register kept for them',
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
    positionals: {
      interpreter: {
        describe:
          'an emulator of this machine by its name, to start in every root; or the path at which one will be looked up',
        type: 'string',
      },
    },
    options: {
      chroot: text(
        'DIR',
        "the emulators of this chroot's bundle, which serve chroots with the same prefix; without a bundle, the one of this machine for it",
      ),
      target: text('TARGET', 'qemu-user target (default: by the name, qemu-TARGET)'),
      name: text('NAME', 'name of the entry (default: qemu-TARGET)'),
      flags: text('FLAGS', 'out of P, O, C, F (default: P, and F for a name)'),
      into: text(
        'DIR',
        'where the one file of a shared emulator is kept (default: /var/lib/elfinterp; for a private table, the cache)',
      ),
      inherit: flag(
        'with --table: register there first what it hides, the enabled entries of the table outside',
      ),
      test: flag(
        'start a tiny program that needs it, and fail if it does not run; with --chroot, inside; always done for a name',
      ),
      export: exportOption('; register nothing'),
      ...changeOptions,
    },
    examples: [
      {
        line: 'elfinterp binfmt register qemu-aarch64 --global',
        meaning: 'for docker, schroot, and kernels before 6.7: shared or static, it starts in every root',
      },
      {
        line: 'elfinterp binfmt register qemu-aarch64 --export binfmt.d | sudo tee /etc/binfmt.d/qemu-aarch64.conf',
        meaning: 'at each boot',
      },
      {
        line: 'elfinterp binfmt register --chroot ./chroot --global',
        meaning: "the emulators of the chroot's bundle, for plain chroot(8)",
      },
      {
        line: 'elfinterp binfmt register /debootstrap/qemu-arm --export binfmt.d',
        meaning: 'print it only',
      },
    ],
    load: () => import('../commands/binfmt-register.js'),
  },
  {
    usage: 'binfmt run <architectures..>',
    summary: 'run a command of this machine with emulators that are registered for it alone',
    positionals: {
      architectures: {
        describe:
          'Debian architectures (arm64), qemu-user targets (aarch64), or emulators of this machine (./qemu-arm)',
        type: 'string',
        complete: 'nothing',
      },
    },
    options: {
      flags: text('FLAGS', 'binfmt_misc flags of the emulators, besides F (default: P)'),
      'id-map': choice(
        'HOW',
        ['auto', 'identity', 'subordinate', 'single', 'own'],
        'the user ids inside; own: you stay who you are, without rights',
        {usual: 'what the user may have, you as root'},
      ),
    },
    rest: {name: 'COMMAND', describe: 'the command to run'},
    examples: [
      {
        line: 'elfinterp binfmt run arm64 -- buildah bud --arch arm64 .',
        meaning: 'a container image of another architecture, without root',
      },
      {
        line: 'QEMU_LD_PREFIX=/usr/aarch64-linux-gnu elfinterp binfmt run arm64 --id-map own -- make check',
        meaning: 'a test suite that was compiled for another architecture',
      },
    ],
    epilogue:
      "The command's exit status becomes that of elfinterp. Containers that the command starts see the emulators too; a shared emulator is made one file for that, in $XDG_CACHE_HOME/elfinterp, or /var/cache/elfinterp for root.",
    load: () => import('../commands/binfmt-run.js'),
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
