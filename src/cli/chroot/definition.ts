import type {Definition} from '../command.js';
import {
  anyPlaceOptions,
  bundleOptions,
  exitStatusOfCommand,
  flag,
  idMap,
  jsonOption,
  list,
  placeOptions,
  text,
} from '../options.js';

const chrootPositional = {
  chroot: {
    describe: 'root directory of a system, of any architecture',
    type: 'string',
    complete: 'directories',
  },
} as const;

const oneFile = flag(
  'install a dynamically linked emulator as one file, with its loader and libraries inside',
);

export const chrootInstall = {
  usage: 'chroot install <chroot> [programs..]',
  summary: 'install the emulator that a chroot needs',
  positionals: {
    ...chrootPositional,
    programs: {
      describe: "emulators on this machine, dynamically linked or static (default: qemu-user's, from PATH)",
      type: 'string',
    },
  },
  options: {
    arch: text('ARCH', "the chroot's Debian architecture (default: detected)"),
    prefix: text(
      'DIR',
      'directory for the bundle, as seen from inside (default: that of an existing bundle, else /debootstrap; for a permanent chroot use /usr/libexec/elfinterp)',
    ),
    'one-file': oneFile,
    ...bundleOptions,
    libs: text('NAME', 'name of the library directory below the prefix', {default: 'qemu-libs'}),
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
      meaning: 'outside the directory that debootstrap removes',
    },
  ],
} as const satisfies Definition;

export const chrootRun = {
  usage: 'chroot run <chroot>',
  summary: 'run a command in a chroot, with an emulator registered only for this run',
  positionals: chrootPositional,
  options: {
    ...placeOptions,
    cwd: text(
      'DIR',
      'working directory inside (default: the current one if it is in the chroot or in a directory given with --bind, else /)',
    ),
    bind: list('SRC[:DST]', 'mount a file or directory of this machine inside'),
    emulator: list('FILE', "emulator to use (default: the chroot's, else qemu-user's, from PATH)"),
    flags: text(
      'FLAGS',
      'binfmt_misc flags of the emulator (default: P); PC honours setuid bits, for su and sudo',
    ),
    env: list('NAME=VALUE', 'set a variable for the command'),
    'keep-env': flag(
      'pass on the environment; --no-keep-env passes only PATH, HOME, TERM, QEMU_*, proxies and what --env sets',
      {default: true},
    ),
    'resolv-conf': flag(
      "mount this machine's /etc/resolv.conf inside (default: only if the chroot's own file exists and is empty)",
    ),
    hosts: flag(
      "use this machine's /etc/hosts, so that sudo can resolve the name of the machine (default: only if the chroot's own file exists and is empty)",
    ),
    'id-map': idMap('auto', 'identity', 'subordinate', 'single'),
    global: flag('use the host-wide binfmt_misc table; for kernels before 6.7'),
  },
  rest: {name: 'COMMAND', describe: 'the command to run (default: /bin/sh)'},
  examples: [
    {line: 'elfinterp chroot run ./chroot -- /bin/uname -m', meaning: 'prints armv7l'},
    {line: 'elfinterp chroot run ./chroot', meaning: 'a shell'},
  ],
  epilogue:
    'elfinterp exits with the exit status of the command. An emulator of this machine is not copied into the chroot: a dynamically linked one is packed into one file in $XDG_CACHE_HOME/elfinterp, or /var/cache/elfinterp for root.',
  exitStatus: exitStatusOfCommand,
} as const satisfies Definition;

export const chrootCreate = {
  usage: 'chroot create [suite] [target] [mirror]',
  summary: 'create a Debian system of another architecture with both stages of debootstrap',
  positionals: {
    suite: {describe: 'code name of the release, such as bookworm', type: 'string', complete: 'nothing'},
    target: {describe: 'directory for the new system', type: 'string', complete: 'directories'},
    mirror: {describe: "mirror to download packages from (default: debootstrap's)", type: 'string'},
  },
  options: {
    arch: text(
      'ARCH',
      'Debian architecture of the system, such as armel, arm64, riscv64 (required, except with --resume)',
    ),
    keep: flag('leave the emulator in the system, in /usr/libexec/elfinterp, for use without chroot run'),
    resume: text(
      'DIR',
      'continue in this directory, where the first stage is done; takes no SUITE and TARGET',
    ),
    variant: text('NAME', 'debootstrap variant, such as minbase or buildd'),
    include: text('A,B,C', 'also install these packages'),
    components: text('A,B,C', 'archive components to use'),
    keyring: text('FILE', 'verify the archive with the keys in this file'),
    'check-gpg': flag('verify signatures (default for root); --no-check-gpg accepts unsigned packages'),
    'cache-dir': text('DIR', 'keep downloaded packages in this directory'),
    emulator: list('FILE', "emulator to use, dynamically linked or static (default: qemu-user's, from PATH)"),
    'one-file': oneFile,
    isolate: bundleOptions.isolate,
    'id-map': idMap('auto', 'identity', 'subordinate'),
    ...jsonOption,
  },
  rest: {name: 'OPTION', describe: 'further options for debootstrap'},
  examples: [
    {
      line: 'elfinterp chroot create bookworm ./c --arch armel --variant minbase',
      meaning: 'as root, or as a user with subordinate IDs',
    },
    {
      line: 'elfinterp chroot create bookworm ./c --arch riscv64 -- --merged-usr',
      meaning: 'arguments after -- go to debootstrap',
    },
    {
      line: 'elfinterp chroot create --resume ./c',
      meaning: 'after an interruption, or after `debootstrap --foreign`',
    },
  ],
  epilogue:
    "debootstrap's messages go to standard error; its log stays in TARGET/debootstrap until it finishes.",
} as const satisfies Definition;

export const chrootVerify = {
  usage: 'chroot verify <chroot>',
  summary: 'check that the bundle in a chroot is unchanged and self-contained',
  positionals: chrootPositional,
  options: {
    ...anyPlaceOptions,
    run: text('FILE', 'also run this program of the chroot, such as /bin/true'),
    ...jsonOption,
  },
  examples: [
    {
      line: 'elfinterp chroot verify ./chroot && echo ok',
      meaning: 'exit status 1 when there is a problem',
    },
  ],
} as const satisfies Definition;

export const chrootRemove = {
  usage: 'chroot remove <chroot>',
  summary: 'remove what chroot install installed, and nothing else',
  positionals: chrootPositional,
  options: {
    ...anyPlaceOptions,
    force: flag('also remove files that were changed after they were installed'),
    ...jsonOption,
  },
  examples: [
    {line: 'elfinterp chroot remove ./chroot', meaning: 'refuses if a file is in use or was changed'},
  ],
} as const satisfies Definition;

export const doctor = {
  usage: 'doctor [chroot]',
  summary: 'find out why the programs of a chroot do not run',
  positionals: {
    chroot: {
      describe: 'root directory; without it, only this machine is checked',
      type: 'string',
      complete: 'directories',
    },
  },
  options: {...placeOptions, all: flag('also report what is fine', {alias: 'a'}), ...jsonOption},
  examples: [
    {line: 'elfinterp doctor ./chroot', meaning: 'what is wrong, the evidence, and what to do'},
    {line: 'elfinterp doctor --all', meaning: 'everything that was checked on this machine'},
  ],
  epilogue: 'The exit status is 1 if something is broken.',
} as const satisfies Definition;
