/*
 * Helpers to define options, and the options that several commands share.
 */
import type {Option} from './command.js';

type More = Partial<Option>;
type Nothing = Record<never, never>;

/** An option with a value. */
export const text = <const M extends More = Nothing>(value: string, describe: string, more?: M) =>
  ({type: 'string', requiresArg: true, value, describe, ...(more as NoInfer<M>)}) as const;

/** An option with a value that may be given several times. */
export const list = <const M extends More = Nothing>(value: string, describe: string, more?: M) =>
  ({
    type: 'string',
    array: true,
    requiresArg: true,
    value,
    describe: `${describe}; may be repeated`,
    ...(more as NoInfer<M>),
  }) as const;

/** An option whose value is one of a few words. */
export const choice = <const C extends readonly string[], const M extends More = Nothing>(
  value: string,
  choices: C,
  describe: string,
  more?: M,
) => ({type: 'string', choices, requiresArg: true, value, describe, ...(more as NoInfer<M>)}) as const;

export const flag = <const M extends More = Nothing>(describe: string, more?: M) =>
  ({type: 'boolean', describe, ...(more as NoInfer<M>)}) as const;

const idMaps = {
  auto: 'auto: the IDs that you may use, with you as root',
  identity: 'identity: as outside',
  subordinate: 'subordinate: you as root, and more IDs from /etc/subuid',
  single: 'single: only you, as root',
  own: 'own: only you, with no privileges',
} as const;

/** How user IDs inside a namespace relate to those outside. */
export const idMap = <const C extends readonly (keyof typeof idMaps)[]>(...choices: C) =>
  choice('HOW', choices, ['user IDs inside', ...choices.map((one) => idMaps[one])].join('; '), {
    usual: 'auto',
  });

/** The exit status of a command that runs another one. */
export const exitStatusOfCommand =
  'That of the command; 1 also if elfinterp fails, and 2 if its command line is wrong.';

export const recursive = (what: string) =>
  ({recursive: list('DIR', `every ${what} below this directory`, {alias: 'r'})}) as const;

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

const libs = text('NAME', 'name of the library directory below the prefix (default: qemu-libs, then lib)');

/** Where to look for the bundle of a chroot's emulators. */
export const placeOptions = {
  prefix: text('DIR', 'directory of the bundle (default: /debootstrap, then /usr/libexec/elfinterp)'),
  libs,
} as const;

/** Where to look for a bundle of any programs in a chroot. */
export const anyPlaceOptions = {
  prefix: text(
    'DIR',
    'directory of the bundle (default: /debootstrap, /usr/libexec/elfinterp, /, then those in /opt)',
  ),
  libs,
} as const;

/** Which libraries of dlopen(3) a copy of a program takes along. */
export const dlopenLevelOption = {
  dlopen: choice(
    'LEVEL',
    ['required', 'recommended', 'suggested', 'none'],
    'include libraries that files declare for dlopen (.note.dlopen), down to this priority',
    {usual: 'recommended'},
  ),
} as const;

/** How to make a bundle. */
export const bundleOptions = {
  libs: text(
    'NAME',
    'name of the library directory below the prefix (default: lib; for emulators qemu-libs)',
  ),
  root: text('DIR', 'take programs and libraries from this root directory'),
  library: list('NAME', 'additional library to bundle'),
  ...dlopenLevelOption,
  isolate: flag(
    'make the bundled loader ignore LD_* variables, ld.so.preload, ld.so.cache and its built-in directories',
    {
      default: true,
    },
  ),
  'record-sources': flag('record in manifest.json where each file came from'),
  symbols: flag('fail if a required symbol is not defined in the bundle'),
  launcher: choice(
    'HOW',
    ['interp', 'wrapper'],
    'how programs find their loader: by a changed PT_INTERP, or through a shell script in place of a program that cannot be changed',
    {default: 'interp'},
  ),
  shell: text('FILE', 'static shell that runs the script (required with --launcher wrapper)'),
} as const;
