import type {Definition} from '../command.js';
import {choice, flag, jsonOption, list, text} from '../options.js';

const policyOption = {
  policy: text(
    'FILE',
    'JSON file that says what a package may require of the system, or the name of a built-in policy, such as manylinux_2_28',
  ),
} as const;

export const audit = {
  usage: 'audit <packages..>',
  summary: 'report which systems the binaries of an npm package run on, and what they lack; runs nothing',
  positionals: {
    packages: {describe: 'package directories, tarballs made by npm pack, or ELF files', type: 'string'},
  },
  options: {
    'max-glibc': text('VERSION', 'the newest glibc that a file may need, such as 2.28'),
    ...policyOption,
    format: choice('FORMAT', ['table', 'json', 'sarif', 'github'], 'output format', {usual: 'table'}),
    'fail-on': choice(
      'SEVERITY',
      ['error', 'warning', 'note', 'never'],
      'exit with status 1 if there is a finding of this severity or higher',
      {
        usual: 'error',
      },
    ),
    ...jsonOption,
  },
  examples: [
    {line: 'elfinterp audit .', meaning: 'the package in this directory'},
    {line: 'elfinterp audit my-addon-1.0.0.tgz', meaning: 'a tarball made by npm pack'},
    {line: 'elfinterp audit --max-glibc 2.28 prebuilds', meaning: 'fail if a file needs a newer glibc'},
    {line: 'elfinterp audit --format github .', meaning: 'annotations for a GitHub workflow'},
  ],
  epilogue:
    'The exit status is 1 if there is a finding of the severity given with --fail-on (default: error) or higher. See docs/packages.md.',
} as const satisfies Definition;

export const repair = {
  usage: 'repair <package>',
  summary: 'copy the libraries that the binaries of an npm package lack into the package',
  positionals: {
    package: {describe: 'the directory of a package', type: 'string', complete: 'directories'},
  },
  options: {
    into: text('DIR', 'write the repaired package to this directory, which must be new or empty'),
    'in-place': flag('change the package itself'),
    root: text('DIR', 'take the libraries from this root directory, of any architecture'),
    'library-path': text('DIRS', 'search these directories first, as with LD_LIBRARY_PATH'),
    vendor: list('NAME', 'also copy this library (such as libstdc++.so.6), even though every system has it'),
    keep: list('NAME', 'do not copy this library; the system provides it'),
    libs: text(
      'DIR',
      'directory for the libraries in the package (default: libs, next to the files that need them)',
    ),
    strip: flag('remove symbol tables and debugging information'),
    ...policyOption,
    'dry-run': flag('print what would be done, but write nothing', {alias: 'n'}),
    ...jsonOption,
  },
  examples: [
    {line: 'elfinterp repair . --into ../fixed', meaning: 'a copy that includes its libraries'},
    {
      line: 'elfinterp repair --in-place --strip prebuilds/linux-x64',
      meaning: 'in a build, before npm pack',
    },
    {
      line: 'elfinterp repair . --in-place --root ./arm64-builder',
      meaning: 'with the libraries of another system',
    },
  ],
  epilogue:
    'The result is checked before it is put in place: no library may come from outside the package, except the C library, libstdc++ and libgcc_s, and those that --keep or the policy allows.',
} as const satisfies Definition;
