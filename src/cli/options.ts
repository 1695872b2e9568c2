/*
 * How options are written down, and those that several commands have.
 */
import type {Option} from './command.js';

/** An option with a value. */
export const text = (value: string, describe: string, more: Partial<Option> = {}) =>
  ({type: 'string', requiresArg: true, value, describe, ...more}) as const;

/** An option with a value that may be given several times. */
export const list = (value: string, describe: string) =>
  ({
    type: 'string',
    array: true,
    requiresArg: true,
    value,
    describe: `${describe}; may be repeated`,
  }) as const;

/** An option whose value is one of a few words. */
export const choice = (
  value: string,
  choices: readonly string[],
  describe: string,
  more: Partial<Option> = {},
) => ({type: 'string', choices, requiresArg: true, value, describe, ...more}) as const;

export const flag = (describe: string, more: Partial<Option> = {}) =>
  ({type: 'boolean', describe, ...more}) as const;

export const files = {files: {describe: 'ELF files', type: 'string'}} as const;

export const jsonOption = {json: flag('print the result as JSON')} as const;

export const applyOptions = {
  output: text('FILE', 'write the result to this file, and leave the original unchanged', {alias: 'o'}),
  'dry-run': flag('print what would be written, and why, but write nothing', {alias: 'n'}),
  'in-place': flag('write only the changed bytes into the file itself (not atomic)'),
  follow: flag('follow a symbolic link to the file; --no-follow refuses it', {default: true}),
} as const;

export const interpreterOptions = {
  'allow-relative': flag('accept a relative path, which the kernel resolves from the current directory'),
} as const;

/** Where to look for a chroot's bundle. */
export const placeOptions = {
  prefix: text('DIR', 'directory of the bundle (default: /debootstrap, then /usr/libexec/elfinterp)'),
  libs: text('NAME', 'name of the library directory below the prefix (default: qemu-libs, then lib)'),
} as const;

/** How to make a bundle. */
export const bundleOptions = {
  libs: text(
    'NAME',
    'name of the library directory below the prefix (default: lib; for emulators qemu-libs)',
  ),
  root: text('DIR', 'take programs and libraries from this root directory'),
  library: list('NAME', 'additional library to bundle'),
  isolate: flag(
    'make the bundled loader ignore LD_* variables, ld.so.preload, ld.so.cache and its built-in directories',
    {
      default: true,
    },
  ),
  'record-sources': flag('record in manifest.json where each file came from'),
  symbols: flag('fail if a required symbol is not defined in the bundle'),
  launcher: {
    ...choice(
      'HOW',
      ['interp', 'wrapper'],
      'change PT_INTERP, or replace a program that cannot be changed with a shell script',
    ),
    default: 'interp',
  },
  shell: text('FILE', 'static shell that runs these scripts'),
} as const;
