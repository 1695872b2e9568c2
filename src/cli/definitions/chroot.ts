import type {Command} from '../command.js';
import {bundleOptions, choice, flag, jsonOption, list, placeOptions, text} from '../options.js';

const chrootPositional = {
  chroot: {
    describe: 'the root directory of a system, foreign or not',
    type: 'string',
    complete: 'directories',
  },
} as const;

const idMap = (...choices: readonly string[]) =>
  choice('HOW', choices, 'the user ids inside', {usual: 'what the user may have'});

const oneFile = flag('install a shared emulator as one file, with its loader and its libraries inside');

export const chrootCommands: readonly Command[] = [
  {
    usage: 'chroot install <chroot> [programs..]',
    summary: 'bundle the emulator that a chroot needs into it',
    positionals: {
      ...chrootPositional,
      programs: {
        describe: "emulators of this machine, shared or static (default: qemu-user's, out of PATH)",
        type: 'string',
      },
    },
    options: {
      arch: text('ARCH', "the chroot's Debian architecture (default: found out from what is in it)"),
      prefix: text(
        'DIR',
        'where it goes, as seen from inside (default: where a bundle is already, else /debootstrap; for a chroot that will stay, /usr/libexec/elfinterp)',
      ),
      'one-file': oneFile,
      ...bundleOptions,
      ...jsonOption,
    },
    examples: [
      {
        line: 'elfinterp chroot install ./chroot',
        meaning: 'qemu-arm for an armel chroot, in ./chroot/debootstrap',
      },
      {line: 'elfinterp chroot install ./chroot ./build/qemu-arm', meaning: 'an emulator of your own'},
      {
        line: 'elfinterp chroot install --prefix /usr/libexec/elfinterp ./chroot',
        meaning: 'out of the way of debootstrap',
      },
    ],
    load: () => import('../commands/chroot-install.js'),
  },
  {
    usage: 'chroot run <chroot>',
    summary: 'run a command in a chroot, with an emulator that is registered for this run alone',
    positionals: chrootPositional,
    options: {
      ...placeOptions,
      cwd: text(
        'DIR',
        'working directory inside (default: the one you are in, if it is seen inside, else /)',
      ),
      bind: list('SRC[:DST]', 'show a directory of this machine inside'),
      emulator: list(
        'FILE',
        "an emulator of this machine to use (default: the chroot's, else qemu-user's, out of PATH)",
      ),
      flags: text('FLAGS', 'binfmt_misc flags of the emulator (default: P); PC lets setuid programs be such'),
      env: list('NAME=VALUE', 'set a variable for the command'),
      'keep-env': flag(
        'pass the environment on; --no-keep-env leaves PATH, HOME, TERM, QEMU_*, proxies and what --env sets',
        {default: true},
      ),
      'resolv-conf': flag(
        "show this machine's /etc/resolv.conf inside (default: where the chroot's own is empty)",
      ),
      'id-map': idMap('auto', 'identity', 'subordinate', 'single'),
      global: flag('rely on what is registered for the whole machine; for kernels before 6.7'),
    },
    rest: {name: 'COMMAND', describe: 'the command to run there (default: /bin/sh)'},
    examples: [
      {line: 'elfinterp chroot run ./chroot -- /bin/uname -m', meaning: 'prints armv7l'},
      {line: 'elfinterp chroot run ./chroot', meaning: 'a shell'},
    ],
    epilogue:
      "The command's exit status becomes that of elfinterp. An emulator of this machine is not put into the chroot: a shared one is made one file, in $XDG_CACHE_HOME/elfinterp, or /var/cache/elfinterp for root.",
    load: () => import('../commands/chroot-run.js'),
  },
  {
    usage: 'chroot create [suite] [target] [mirror]',
    summary: 'make a Debian system of another architecture with debootstrap, both stages',
    positionals: {
      suite: {describe: "the release's code name, as in bookworm", type: 'string', complete: 'nothing'},
      target: {describe: 'the directory to make it in', type: 'string', complete: 'directories'},
      mirror: {describe: "where to get packages (default: debootstrap's)", type: 'string'},
    },
    options: {
      arch: text('ARCH', 'its Debian architecture, as in armel, arm64, riscv64'),
      keep: flag('leave the emulator in it, in /usr/libexec/elfinterp, for others than chroot run'),
      resume: text('DIR', 'go on with this directory, whose first stage is done; without SUITE and TARGET'),
      variant: text('NAME', 'as debootstrap has it: minbase, buildd'),
      include: text('A,B,C', 'install these packages as well'),
      components: text('A,B,C', 'use these components of the archive'),
      keyring: text('FILE', 'check the archive with the keys of this file'),
      'check-gpg': flag('check signatures, which root does anyhow; --no-check-gpg takes packages unchecked'),
      'cache-dir': text('DIR', 'keep downloaded packages in this directory'),
      emulator: list(
        'FILE',
        "an emulator of this machine, shared or static (default: qemu-user's, out of PATH)",
      ),
      'one-file': oneFile,
      isolate: bundleOptions.isolate,
      'id-map': idMap('auto', 'identity', 'subordinate'),
      ...jsonOption,
    },
    rest: {name: 'OPTION', describe: 'what debootstrap alone knows'},
    examples: [
      {
        line: 'elfinterp chroot create bookworm ./c --arch armel --variant minbase',
        meaning: 'as root, or as a user with subordinate ids',
      },
      {
        line: 'elfinterp chroot create bookworm ./c --arch riscv64 -- --merged-usr',
        meaning: 'what stands behind -- goes to debootstrap',
      },
      {
        line: 'elfinterp chroot create --resume ./c',
        meaning: 'what was interrupted, or `debootstrap --foreign` made',
      },
    ],
    epilogue:
      "debootstrap's messages go to standard error, its log is in TARGET/debootstrap until it is done.",
    load: () => import('../commands/chroot-create.js'),
  },
  {
    usage: 'chroot verify <chroot>',
    summary: 'check that the bundle in a chroot is what was installed, and stands on its own',
    positionals: chrootPositional,
    options: {
      ...placeOptions,
      run: text('FILE', 'run this program of the chroot as well, as in /bin/true'),
      ...jsonOption,
    },
    examples: [
      {
        line: 'elfinterp chroot verify ./chroot && echo sound',
        meaning: 'exit status 1 when there is a problem',
      },
    ],
    load: () => import('../commands/chroot-verify.js'),
  },
  {
    usage: 'chroot remove <chroot>',
    summary: 'take out what chroot install put in, and nothing else',
    positionals: chrootPositional,
    options: {
      ...placeOptions,
      force: flag('remove files that were changed since as well'),
      ...jsonOption,
    },
    examples: [
      {line: 'elfinterp chroot remove ./chroot', meaning: 'what is in use, or was changed, is refused'},
    ],
    load: () => import('../commands/chroot-remove.js'),
  },
];

export const doctorCommand: Command = {
  usage: 'doctor [chroot]',
  summary: 'find out why the programs of a chroot do not run',
  positionals: {
    chroot: {
      describe: 'the root directory; without it, only this machine is looked at',
      type: 'string',
      complete: 'directories',
    },
  },
  options: {...placeOptions, all: flag('say what is fine as well', {alias: 'a'}), ...jsonOption},
  examples: [
    {line: 'elfinterp doctor ./chroot', meaning: 'what is wrong, how that shows, and what to do about it'},
    {line: 'elfinterp doctor --all', meaning: 'what this machine allows'},
  ],
  epilogue: 'Exit status 1 when something is broken.',
  load: () => import('../commands/doctor.js'),
};
