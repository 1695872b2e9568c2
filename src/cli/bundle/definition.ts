import type {Definition} from '../command.js';
import {bundleOptions, choice, flag, jsonOption, list, text} from '../options.js';

export const bundle = {
  usage: 'bundle <programs..>',
  summary: 'copy programs with their loader and libraries into a directory where they run',
  positionals: {
    programs: {
      describe:
        'the programs, dynamically linked or static: paths, or names in PATH; PROGRAM=DST puts one at DST, below the prefix',
      type: 'string',
    },
  },
  options: {
    into: text(
      'DIR',
      'directory that will be / for the programs (a chroot); with --relocatable, the bundle itself',
      {demandOption: true},
    ),
    prefix: text(
      'DIR',
      'directory for the programs, as seen from inside (default: /opt/NAME; for emulators /debootstrap)',
    ),
    relocatable: flag(
      'make DIR work wherever it is moved: programs in bin with their loader inside, libraries in lib, files below DIR',
    ),
    ...bundleOptions,
    file: list('SRC[=DST]', 'copy a file or directory that the programs read; DST is below the prefix'),
    'resolve-files': flag(
      'let ELF files added with --file find their libraries, and programs their loader, in the bundle; --no-resolve-files copies them unchanged',
      {default: true},
    ),
    hwcaps: choice(
      'WHICH',
      ['none', 'all'],
      'include variants of libraries for newer CPUs (glibc-hwcaps), which the loader chooses at run time',
      {usual: 'none'},
    ),
    gconv: flag('include the modules with which iconv converts character sets'),
    locale: list('NAME', 'include a locale of the C library, such as de_DE.UTF-8'),
    trace: flag(
      'run COMMAND once with strace, and print options that add the files that it opened but the bundle lacks',
    ),
    'keep-privileges': flag(
      'keep set-ID bits and file capabilities of programs that belong to root; needs root and --no-isolate',
    ),
    ...jsonOption,
  },
  rest: {
    name: 'COMMAND',
    describe: 'with --trace, a command of this machine that uses the programs; it is not run in the bundle',
    needs: 'trace',
  },
  examples: [
    {
      line: 'elfinterp bundle /usr/bin/qemu-arm --into ./chroot',
      meaning: 'makes ./chroot/debootstrap/qemu-arm and qemu-libs/',
    },
    {
      line: 'elfinterp bundle qemu-arm --into ./c --prefix /usr/libexec/elfinterp',
      meaning: 'for a permanent chroot',
    },
    {
      line: 'elfinterp bundle /usr/sbin/nginx=sbin/ --into ./root --prefix / --file /etc/nginx=etc/nginx',
      meaning: 'for an image FROM scratch: ./root/sbin/nginx, ./root/lib and ./root/etc/nginx',
    },
    {
      line: 'elfinterp bundle --relocatable /usr/bin/curl --into ./curl',
      meaning: 'makes ./curl/bin/curl and ./curl/lib, which can be moved anywhere',
    },
    {line: 'elfinterp bundle /bin/ls --root ./armel --into ./out', meaning: 'from another root'},
    {
      line: 'elfinterp bundle ./viewer --into ./out --file /etc/viewer.conf=etc/viewer.conf',
      meaning: 'with a file for it',
    },
    {
      line: 'elfinterp bundle --relocatable /usr/bin/python3.11 --into ./py --file /usr/lib/python3.11=lib/python3.11',
      meaning: 'with a tree of modules, and the libraries that these need',
    },
    {
      line: 'elfinterp bundle /usr/bin/file --into ./out --trace -- file /bin/ls',
      meaning: 'make a bundle, and print options for the files that it still lacks',
    },
  ],
} as const satisfies Definition;
