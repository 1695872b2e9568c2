import type {Command} from '../command.js';
import {choice, flag, jsonOption, list, text} from '../options.js';

const policyOption = {
  policy: text(
    'FILE',
    'a JSON file with what a package may ask of the system, or a name like manylinux_2_28',
  ),
} as const;

/** The commands for packages with prebuilt binaries. */
export const packageCommands: readonly Command[] = [
  {
    usage: 'audit <packages..>',
    summary: 'say which systems the binaries of an npm package run on, and what they lack; nothing is run',
    positionals: {
      packages: {describe: 'package directories, tarballs made by npm pack, or ELF files', type: 'string'},
    },
    options: {
      'max-glibc': text('VERSION', 'the newest glibc that a file may need, as in 2.28'),
      ...policyOption,
      format: choice('FORMAT', ['table', 'json', 'sarif', 'github'], 'how to print it', {usual: 'table'}),
      'fail-on': choice(
        'SEVERITY',
        ['error', 'warning', 'note', 'never'],
        'exit with status 1 at such a finding',
        {
          usual: 'error',
        },
      ),
      ...jsonOption,
    },
    examples: [
      {line: 'elfinterp audit .', meaning: 'the package in this directory'},
      {line: 'elfinterp audit my-addon-1.0.0.tgz', meaning: 'what npm pack made of it'},
      {line: 'elfinterp audit --max-glibc 2.28 prebuilds', meaning: 'fail where a file needs a newer glibc'},
      {line: 'elfinterp audit --format github .', meaning: 'annotations for a GitHub workflow'},
    ],
    epilogue: 'Exit status 1 means that there is a finding of the severity error. See docs/packages.md.',
    load: () => import('../commands/audit.js'),
  },
  {
    usage: 'repair <package>',
    summary: 'copy the libraries that the binaries of an npm package lack into it, so that it runs elsewhere',
    positionals: {
      package: {describe: 'the directory of a package', type: 'string', complete: 'directories'},
    },
    options: {
      into: text('DIR', 'write the repaired package to this directory, which is new or empty'),
      'in-place': flag('change the package itself'),
      root: text('DIR', 'take the libraries from this root directory, of any architecture'),
      'library-path': text('DIRS', 'look in these directories first, as in LD_LIBRARY_PATH'),
      vendor: list('NAME', 'copy this library too, though every system has it, as in libstdc++.so.6'),
      keep: list('NAME', 'leave this library to the system'),
      libs: text(
        'DIR',
        'where the libraries go in the package (default: libs beside the files that need them)',
      ),
      strip: flag('remove symbol tables and debugging information'),
      ...policyOption,
      'dry-run': flag('print what would be done; write nothing', {alias: 'n'}),
      ...jsonOption,
    },
    examples: [
      {line: 'elfinterp repair . --into ../fixed', meaning: 'a copy that brings its libraries along'},
      {
        line: 'elfinterp repair --in-place --strip prebuilds/linux-x64',
        meaning: 'in a build, before npm pack',
      },
      {
        line: 'elfinterp repair . --in-place --root ./arm64-builder',
        meaning: 'with the libraries of another system',
      },
    ],
    epilogue: 'The result is proved before it takes its place: no library may come from outside the package.',
    load: () => import('../commands/repair.js'),
  },
];
