/*
 * Every command's definition in one place, and none of their code: a run loads only the command that it is.
 */
import {applyOptions, type Command, jsonOption} from './command.js';

const files = {files: {describe: 'ELF files', type: 'string'}} as const;

const text = (describe: string) => ({type: 'string', requiresArg: true, describe}) as const;
const list = (describe: string) =>
  ({
    type: 'string',
    array: true,
    requiresArg: true,
    describe: `${describe}; may be given several times`,
  }) as const;
const flag = (describe: string) => ({type: 'boolean', describe}) as const;

const editOptions = {
  interpreter: text('the dynamic loader'),
  'add-interpreter': flag(
    'give the interpreter also to a file that has none, as a library that shall be run',
  ),
  rpath: text("search path as DT_RPATH: also serves the libraries' libraries"),
  runpath: text('search path as DT_RUNPATH: this object only'),
  'convert-rpath': {
    choices: ['rpath', 'runpath'],
    requiresArg: true,
    describe: 'keep the search path, under this tag',
  },
  'add-rpath': text('append directories to the search path that is there, else to a new DT_RUNPATH'),
  'remove-rpath': flag('remove DT_RPATH and DT_RUNPATH'),
  'shrink-rpath': flag('keep only the directories of the search path in which a needed library lies'),
  'allowed-rpath-prefixes': text('with --shrink-rpath, and only those below one of these: DIR:DIR'),
  'add-needed': list('a library to append to DT_NEEDED'),
  'add-needed-first': list('a library to put in front of the others'),
  'remove-needed': list('a library to take out'),
  'replace-needed': list('OLD=NEW: another name for a library'),
  soname: text('the name that a library goes by'),
  'default-lib': flag(
    "--no-default-lib: leave ld.so's own directories out of the search; --default-lib undoes it",
  ),
  'exec-stack': flag('make the stack executable; --no-exec-stack undoes it'),
  'os-abi': text('the OS ABI that the header names: "System V", Linux, FreeBSD, ...'),
  'add-debug-tag': flag('add DT_DEBUG, through which debuggers find the libraries'),
  'clear-symbol-version': list('a dynamic symbol that shall have no version'),
  'rename-symbol': list('OLD=NEW: another name for a dynamic symbol'),
  'rename-symbols': text('file with lines of "old new", as --rename-symbol'),
  payload: {
    choices: ['keep', 'move'],
    requiresArg: true,
    describe:
      'data behind the program (AppImage, self-extracting): keep it at its offset, or move it to the new end',
  },
  'files-from': text('edit also the files that this file lists, one path a line; - is standard input'),
  'skip-static': flag('pass over files that are statically linked or have no interpreter to set'),
  'skip-non-elf': flag('pass over what is no ELF file'),
} as const;

const chrootPositional = {
  chroot: {describe: 'the root directory of a system, foreign or not', type: 'string'},
} as const;

/** Where to look for a chroot's bundle. */
const placeOptions = {
  prefix: {
    type: 'string',
    requiresArg: true,
    describe: 'where its bundle is (default: /debootstrap, then /usr/libexec/elfinterp)',
  },
  libs: {type: 'string', requiresArg: true, describe: 'name of the library directory below the prefix'},
} as const;

const entryNames = {names: {describe: 'names of entries', type: 'string'}} as const;

const tableOptions = {
  table: {
    type: 'string',
    requiresArg: true,
    describe: 'where binfmt_misc is mounted (default: the mount that is seen)',
  },
  global: {type: 'boolean', describe: "allow a change of the machine's own table"},
} as const;

const exportOption = {
  type: 'string',
  requiresArg: true,
  choices: ['binfmt.d', 'update-binfmts'],
  describe: 'print it in the format of another tool',
} as const;

const binfmtVerbs = {
  unregister: 'take entries out of the table',
  enable: 'switch entries on',
  disable: 'switch entries off: older ones that match have their turn',
} as const;

/** How to make a bundle. */
const bundleOptions = {
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
  launcher: {
    type: 'string',
    requiresArg: true,
    choices: ['interp', 'wrapper'],
    default: 'interp',
    describe: 'change PT_INTERP, or put a shell script in the place of a program that cannot be changed',
  },
  shell: {type: 'string', requiresArg: true, describe: 'the static shell that runs such scripts'},
} as const;

const interpreterOptions = {
  'allow-relative': {
    type: 'boolean',
    describe: 'accept a path that the kernel looks up from the current directory',
  },
} as const;

const treeOptions = {
  recursive: {
    type: 'string',
    array: true,
    alias: 'r',
    requiresArg: true,
    describe: 'every dynamic ELF file under this directory; may be repeated',
  },
  root: {type: 'string', requiresArg: true, describe: 'resolve as if this directory were /'},
  'library-path': {
    type: 'string',
    requiresArg: true,
    describe: 'what LD_LIBRARY_PATH would say when the program is started',
  },
  preload: {
    type: 'string',
    array: true,
    requiresArg: true,
    describe: 'a library to load first, as by LD_PRELOAD; may be repeated',
  },
  library: {
    type: 'string',
    array: true,
    requiresArg: true,
    describe: 'a library to load as if the program needed it; may be repeated',
  },
  dlopen: {
    type: 'string',
    choices: ['required', 'recommended', 'suggested'],
    requiresArg: true,
    describe: 'follow what files say that they open themselves (.note.dlopen), down to this priority',
  },
  hwcaps: {
    type: 'string',
    requiresArg: true,
    describe: 'best glibc-hwcaps directory of the CPU, as in x86-64-v3 (default: none)',
  },
  symbols: {type: 'boolean', describe: 'look for undefined symbols too'},
  modules: {type: 'boolean', describe: 'say of each library too how it loads modules at run time'},
  list: {type: 'boolean', describe: 'print paths only: the loader and the libraries, one a line'},
  format: {
    type: 'string',
    choices: ['text', 'list', 'json', 'dot', 'svg', 'mermaid'],
    requiresArg: true,
    describe: 'how to print it (default: text)',
  },
  why: {type: 'string', requiresArg: true, describe: 'how did this library come in?'},
  reverse: {type: 'string', requiresArg: true, describe: 'who needs this library, and who needs those?'},
  all: {
    type: 'boolean',
    alias: 'a',
    describe: 'give each request a line of its own, or an arrow in a picture',
  },
  ...jsonOption,
} as const satisfies Command['options'];

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
        array: true,
        alias: 'r',
        requiresArg: true,
        describe: 'every ELF file under this directory; may be repeated',
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
    usage: 'tree [files..]',
    summary: 'show which libraries would be loaded, from where, and why; nothing is run',
    positionals: {files: {describe: 'programs or libraries; with --root, paths inside it', type: 'string'}},
    options: treeOptions,
    examples: [
      ['$0 tree /usr/bin/qemu-arm', 'one library a line, each with its reason'],
      ['$0 tree --list --root ./armel /bin/ls', 'loader and libraries of a chroot, one path a line'],
      ['$0 tree --why libz.so.1 /usr/bin/qemu-arm', 'the way from the program to libz'],
      ['$0 tree --reverse libssl.so.3 -r /usr/bin', 'who pulls this in?'],
      ['$0 tree --format svg /usr/bin/qemu-arm > qemu-arm.svg', 'a picture'],
    ],
    epilogue: 'The environment of this command does not count: LD_LIBRARY_PATH is --library-path here.',
    load: () => import('./commands/tree.js'),
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
    usage: 'edit [files..]',
    summary: 'change interpreter, search path, needed libraries, soname, flags, symbols',
    positionals: {
      files: {describe: 'ELF files; - reads standard input and writes standard output', type: 'string'},
    },
    options: {...editOptions, ...applyOptions, ...interpreterOptions, ...jsonOption},
    examples: [
      ['$0 edit qemu-arm --interpreter /opt/q/ld.so --rpath /opt/q', 'relocate a program'],
      ['$0 edit --remove-rpath lib*.so', 'several files; those that cannot be done are named'],
      ['$0 edit --replace-needed libssl.so.1=libssl.so.3 prog', 'symbol versions follow'],
      ['find . -type f | $0 edit --files-from - --skip-non-elf --shrink-rpath', 'many files at once'],
    ],
    epilogue: 'The edits are carried out in the order in which they stand above, whatever the order given.',
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
      ...bundleOptions,
      file: {
        type: 'string',
        array: true,
        requiresArg: true,
        describe:
          'SRC[=DST]: a file or directory for the programs to read; DST is below the prefix; may be repeated',
      },
      ...jsonOption,
    },
    examples: [
      ['$0 bundle /usr/bin/qemu-arm --into ./chroot', './chroot/debootstrap/qemu-arm and qemu-libs/'],
      ['$0 bundle qemu-arm --into ./c --prefix /usr/libexec/elfinterp', 'for a chroot that will stay'],
      ['$0 bundle /bin/ls --root ./armel --into ./out', 'from another root'],
      ['$0 bundle ./viewer --into ./out --file /etc/viewer.conf=etc/viewer.conf', 'and a file for it'],
    ],
    load: () => import('./commands/bundle.js'),
  },
  {
    usage: 'chroot run <chroot>',
    summary: 'run a command in a chroot, its bundled emulator registered for this run alone',
    positionals: chrootPositional,
    options: {
      ...placeOptions,
      cwd: {
        type: 'string',
        requiresArg: true,
        describe: 'working directory inside (default: the one you are in, if it is seen inside, else /)',
      },
      bind: {
        type: 'string',
        array: true,
        requiresArg: true,
        describe: 'SRC[:DST]: show a directory of this machine inside; may be repeated',
      },
      flags: {
        type: 'string',
        requiresArg: true,
        describe: 'binfmt_misc flags of the emulator (default: P); PC lets setuid programs be such',
      },
      env: {
        type: 'string',
        array: true,
        requiresArg: true,
        describe: 'NAME=VALUE: set a variable for the command; may be repeated',
      },
      'keep-env': {
        type: 'boolean',
        default: true,
        describe:
          'pass the environment on; --no-keep-env leaves PATH, HOME, TERM, QEMU_*, proxies and what --env sets',
      },
      'resolv-conf': {
        type: 'boolean',
        describe: "show this machine's /etc/resolv.conf inside (default: where the chroot's own is empty)",
      },
      'id-map': {
        type: 'string',
        requiresArg: true,
        choices: ['auto', 'identity', 'subordinate', 'single'],
        describe: 'the user ids inside (default: what the user may have)',
      },
      global: {
        type: 'boolean',
        describe: 'rely on what is registered for the whole machine; for kernels before 6.7',
      },
    },
    examples: [
      ['$0 chroot run ./chroot -- /bin/uname -m', 'armv7l'],
      ['$0 chroot run ./chroot', 'a shell'],
    ],
    rest: 'the command',
    epilogue: "The command's exit status becomes that of elfinterp.",
    load: () => import('./commands/chroot-run.js'),
  },
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
      arch: {
        type: 'string',
        requiresArg: true,
        describe: "the chroot's Debian architecture (default: found out from what is in it)",
      },
      prefix: {
        type: 'string',
        requiresArg: true,
        describe:
          'where it goes, as seen from inside (default: where a bundle is already, else /debootstrap; for a chroot that will stay, /usr/libexec/elfinterp)',
      },
      ...bundleOptions,
      ...jsonOption,
    },
    examples: [
      ['$0 chroot install ./chroot', 'qemu-arm for an armel chroot, in ./chroot/debootstrap'],
      ['$0 chroot install ./chroot ./build/qemu-arm', 'an emulator of your own'],
      ['$0 chroot install --prefix /usr/libexec/elfinterp ./chroot', 'out of the way of debootstrap'],
    ],
    load: () => import('./commands/chroot-install.js'),
  },
  {
    usage: 'chroot verify <chroot>',
    summary: 'check that the bundle in a chroot is what was installed, and stands on its own',
    positionals: chrootPositional,
    options: {
      ...placeOptions,
      run: {
        type: 'string',
        requiresArg: true,
        describe: 'run this program of the chroot as well, as in /bin/true',
      },
      ...jsonOption,
    },
    examples: [['$0 chroot verify ./chroot && echo sound', 'exit status 1 when there is a problem']],
    load: () => import('./commands/chroot-verify.js'),
  },
  {
    usage: 'chroot remove <chroot>',
    summary: 'take out what chroot install put in, and nothing else',
    positionals: chrootPositional,
    options: {
      ...placeOptions,
      force: {type: 'boolean', describe: 'remove files that were changed since as well'},
      ...jsonOption,
    },
    examples: [['$0 chroot remove ./chroot', 'what is in use, or was changed, is refused']],
    load: () => import('./commands/chroot-remove.js'),
  },
  {
    usage: 'chroot create [suite] [target] [mirror]',
    summary: 'make a Debian system of another architecture with debootstrap, both stages',
    positionals: {
      suite: {describe: "the release's code name, as in bookworm", type: 'string'},
      target: {describe: 'the directory to make it in', type: 'string'},
      mirror: {describe: "where to get packages (default: debootstrap's)", type: 'string'},
    },
    options: {
      arch: {
        type: 'string',
        requiresArg: true,
        describe: 'its Debian architecture, as in armel, arm64, riscv64',
      },
      keep: {
        type: 'boolean',
        describe: 'leave the emulator in it, in /usr/libexec/elfinterp, so that chroot run can enter it',
      },
      resume: {
        type: 'string',
        requiresArg: true,
        describe: 'go on with this directory, whose first stage is done; without SUITE and TARGET',
      },
      variant: {type: 'string', requiresArg: true, describe: 'as debootstrap has it: minbase, buildd'},
      include: {type: 'string', requiresArg: true, describe: 'A,B,C: install these packages as well'},
      components: {type: 'string', requiresArg: true, describe: 'A,B,C: use these components of the archive'},
      keyring: {type: 'string', requiresArg: true, describe: 'check the archive with the keys of this file'},
      'cache-dir': {
        type: 'string',
        requiresArg: true,
        describe: 'keep downloaded packages in this directory',
      },
      emulator: {
        type: 'string',
        array: true,
        requiresArg: true,
        describe: "an emulator of this machine, shared or static (default: qemu-user's, out of PATH)",
      },
      isolate: bundleOptions.isolate,
      'id-map': {
        type: 'string',
        requiresArg: true,
        choices: ['auto', 'identity', 'subordinate'],
        describe: 'the user ids inside (default: what the user may have)',
      },
      ...jsonOption,
    },
    examples: [
      [
        '$0 chroot create bookworm ./c --arch armel --variant minbase',
        'as root, or as a user with subordinate ids',
      ],
      ['$0 chroot create bookworm ./c --arch riscv64 -- --no-check-gpg', 'the rest goes to debootstrap'],
      ['$0 chroot create --resume ./c', 'what was interrupted, or `debootstrap --foreign` made'],
    ],
    rest: 'what debootstrap alone knows',
    epilogue:
      "debootstrap's messages go to standard error, its log is in TARGET/debootstrap until it is done.",
    load: () => import('./commands/chroot-create.js'),
  },
  {
    usage: 'binfmt list',
    summary: 'list what is registered with binfmt_misc, the newest entry first: it wins',
    positionals: {},
    options: {table: tableOptions.table, ...jsonOption},
    examples: [['$0 binfmt list', 'name, state, flags, interpreter, and which qemu-user target it is for']],
    load: () => import('./commands/binfmt-list.js'),
  },
  {
    usage: 'binfmt show <names..>',
    summary: 'show entries in full, or in the format of another tool',
    positionals: entryNames,
    options: {table: tableOptions.table, export: exportOption, ...jsonOption},
    examples: [
      ['$0 binfmt show qemu-arm', 'what it matches, and what its flags mean'],
      ['$0 binfmt show qemu-arm --export binfmt.d', 'a line for /etc/binfmt.d'],
    ],
    load: () => import('./commands/binfmt-show.js'),
  },
  {
    usage: 'binfmt status',
    summary: 'tell whether binfmt_misc is mounted, where, and whose table it is',
    positionals: {},
    options: {table: tableOptions.table, ...jsonOption},
    examples: [['$0 binfmt status', 'and whether the kernel gives each user namespace one of its own']],
    load: () => import('./commands/binfmt-status.js'),
  },
  {
    usage: 'binfmt register [interpreter]',
    summary: 'register an emulator, or the emulators of a chroot',
    positionals: {interpreter: {describe: "the emulator's path, as it will be looked up", type: 'string'}},
    options: {
      chroot: {
        type: 'string',
        requiresArg: true,
        describe:
          "the emulators of this chroot's bundle: they serve chroots with the same prefix, and nobody else",
      },
      target: {
        type: 'string',
        requiresArg: true,
        describe: 'qemu-user target (default: by the name, qemu-TARGET)',
      },
      name: {type: 'string', requiresArg: true, describe: 'name of the entry (default: qemu-TARGET)'},
      flags: {type: 'string', requiresArg: true, default: 'P', describe: 'out of P, O, C, F'},
      inherit: flag(
        'with --table: register there first what it hides, the enabled entries of the table outside',
      ),
      test: flag('start a tiny program that needs it, and fail if it does not run; with --chroot, inside'),
      export: {...exportOption, describe: 'print it in the format of another tool; register nothing'},
      ...tableOptions,
    },
    examples: [
      ['$0 binfmt register --chroot ./chroot --global', 'for kernels before 6.7, and plain chroot(8)'],
      ['$0 binfmt register /usr/bin/qemu-arm-static --flags PF --test --global', 'and see it work'],
      ['$0 binfmt register /debootstrap/qemu-arm --export binfmt.d', 'print it only'],
    ],
    load: () => import('./commands/binfmt-register.js'),
  },
  ...(['unregister', 'enable', 'disable'] as const).map(
    (verb): Command => ({
      usage: `binfmt ${verb} <names..>`,
      summary: binfmtVerbs[verb],
      positionals: entryNames,
      options: tableOptions,
      examples: [[`$0 binfmt ${verb} qemu-arm --global`, '']],
      load: async () => ({run: (await import('./commands/binfmt-change.js'))[verb]}),
    }),
  ),
  {
    usage: 'doctor [chroot]',
    summary: 'find out why the programs of a chroot do not run',
    positionals: {
      chroot: {describe: 'the root directory; without it, only this machine is looked at', type: 'string'},
    },
    options: {
      ...placeOptions,
      all: {type: 'boolean', alias: 'a', describe: 'say what is fine as well'},
      ...jsonOption,
    },
    examples: [
      ['$0 doctor ./chroot', 'what is wrong, how that shows, and what to do about it'],
      ['$0 doctor --all', 'what this machine allows'],
    ],
    epilogue: 'Exit status 1 when something is broken.',
    load: () => import('./commands/doctor.js'),
  },
];

/** What `elfinterp GROUP --help` says a group of commands is for. */
export const groups: Readonly<Record<string, string>> = {
  chroot: 'work with a chroot of another architecture',
  binfmt: "look at and change the kernel's table of emulators",
};
