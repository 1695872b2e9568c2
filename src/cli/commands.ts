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
    usage: 'show <file>',
    summary: 'say what a file is, and draw a map of it to scale',
    positionals: {file: {describe: 'an ELF file', type: 'string'}},
    options: {
      format: {
        choices: ['text', 'json', 'svg', 'html'],
        requiresArg: true,
        describe: 'text for the terminal, data, or a picture or page that a browser shows (default: text)',
      },
      diff: {
        type: 'string',
        requiresArg: true,
        describe: 'compare with this file: the same program after an edit, say',
      },
      ...jsonOption,
    },
    examples: [
      ['$0 show qemu-arm', 'interpreter, libraries, hardening, glibc it needs, and the map'],
      ['$0 show --format html qemu-arm > qemu-arm.html', 'the same as a page'],
      ['$0 show qemu-arm --diff patched', 'what an edit changed, and where'],
    ],
    load: () => import('./commands/show.js'),
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
  {
    usage: 'bundle <programs..>',
    summary: 'carry programs with their loader and libraries into a directory where they run',
    positionals: {programs: {describe: 'the programs, dynamically linked or static', type: 'string'}},
    options: {
      into: {
        type: 'string',
        requiresArg: true,
        demandOption: true,
        describe: 'the directory that will be / for them: a chroot',
      },
      prefix: {
        type: 'string',
        requiresArg: true,
        default: '/debootstrap',
        describe: 'where the programs go, as seen from inside',
      },
      libs: {
        type: 'string',
        requiresArg: true,
        default: 'qemu-libs',
        describe: 'name of the library directory below the prefix',
      },
      root: {
        type: 'string',
        requiresArg: true,
        describe: 'take programs and libraries from this root directory',
      },
      library: {
        type: 'string',
        array: true,
        requiresArg: true,
        describe: 'a library to carry along; may be repeated',
      },
      isolate: {
        type: 'boolean',
        default: true,
        describe: "let the bundled loader ignore the guest's LD_* variables, ld.so.preload and ld.so.cache",
      },
      ...jsonOption,
    },
    examples: [
      ['$0 bundle /usr/bin/qemu-arm --into ./chroot', './chroot/debootstrap/qemu-arm and qemu-libs/'],
      ['$0 bundle qemu-arm --into ./c --prefix /usr/libexec/elfinterp', 'for a chroot that will stay'],
    ],
    load: () => import('./commands/bundle.js'),
  },
  {
    usage: 'chroot run <chroot>',
    summary: 'run a command in a chroot, its bundled emulator registered for this run alone',
    positionals: {chroot: {describe: 'the root directory of a system, foreign or not', type: 'string'}},
    options: {
      prefix: {
        type: 'string',
        requiresArg: true,
        describe: 'where its bundle is (default: /debootstrap, then /usr/libexec/elfinterp)',
      },
      libs: {type: 'string', requiresArg: true, describe: 'name of the library directory below the prefix'},
      cwd: {type: 'string', requiresArg: true, describe: 'working directory inside (default: /)'},
      bind: {
        type: 'string',
        array: true,
        requiresArg: true,
        describe: 'SRC[:DST]: show a directory of this machine inside; may be repeated',
      },
      flags: {type: 'string', requiresArg: true, describe: 'binfmt_misc flags of the emulator (default: P)'},
    },
    examples: [
      ['$0 chroot run ./chroot -- /bin/uname -m', 'armv7l'],
      ['$0 chroot run ./chroot', 'a shell'],
    ],
    epilogue: "The command's exit status becomes that of elfinterp.",
    load: () => import('./commands/chroot-run.js'),
  },
];

/** What `elfinterp GROUP --help` says a group of commands is for. */
export const groups: Readonly<Record<string, string>> = {
  chroot: 'work with a chroot of another architecture',
};
