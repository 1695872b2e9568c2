import {existsSync} from 'node:fs';
import {resolve} from 'node:path';
import {
  bundledEmulators,
  describeEmulator,
  emulatorForChroot,
  exportRegistration,
  hasBundle,
  inheritEntries,
  isSharedProgram,
  keepEmulator,
  type Registration,
  registerEverywhere,
  registerInTable,
  registerTried,
} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import type {Output} from '../output.js';
import {safe} from '../safe-text.js';
import type {binfmtRegister as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export async function run(args: Arguments, output: Output): Promise<undefined> {
  const {chroot, interpreter} = args;
  if (args.inherit && args.table === undefined) throw new UsageError('--inherit requires --table');
  if (chroot !== undefined && interpreter === undefined) await ofChroot(chroot, args, output);
  else if (chroot === undefined && interpreter !== undefined) await ofName(interpreter, args, output);
  else throw new UsageError('name an interpreter, or a chroot with --chroot');
}

/** The emulators in a chroot's bundle; without a bundle, this machine's emulator for it. */
async function ofChroot(chroot: string, args: Arguments, output: Output): Promise<void> {
  if (hasBundle(chroot)) return enter(bundledEmulators(chroot, namingOf(args), output.warn), args, output);
  const emulator = emulatorForChroot(chroot);
  if (emulator !== undefined) return everywhere(emulator, args, output);
  output.note(safe`this machine runs the programs of this chroot natively`);
}

/**
 * Register an interpreter: packed into one file if it is named without a path, or is shared and has flag F; otherwise
 * under its path as given.
 */
async function ofName(given: string, args: Arguments, output: Output): Promise<void> {
  // A relative path means a file of this machine; the kernel has no directory to resolve it from.
  const isRelative = given.includes('/') && !given.startsWith('/');
  const interpreter = isRelative && existsSync(given) ? resolve(given) : given;
  const isOneFile = !interpreter.includes('/') || (args.flags?.includes('F') && isSharedProgram(interpreter));
  if (isOneFile) return everywhere(interpreter, args, output);
  await enter([describeEmulator(interpreter, namingOf(args))], args, output);
}

async function everywhere(emulator: string, args: Arguments, output: Output): Promise<void> {
  const format = args.export;
  const options = {
    ...namingOf(args),
    ...tableOf(args),
    into: args.into,
    inherit: args.inherit,
    onProgress: (message: string) => output.progress(safe`${message}`),
    onWarning: output.warn,
  };
  const kept = await (format === undefined
    ? registerEverywhere(emulator, options)
    : keepEmulator(emulator, options));
  for (const note of kept.notes) output.warn(note);
  if (kept.file !== undefined) output.note(safe`${emulator} is packed into one file, ${kept.file}`);
  const {registration} = kept;
  if (format !== undefined) output.document(exportRegistration(registration, format).trimEnd());
  else output.line(safe`${registration.name}  ${registration.interpreter}`);
}

/** Register, or with --export print, entries with the paths that they have. */
async function enter(registrations: readonly Registration[], args: Arguments, output: Output): Promise<void> {
  if (args.export !== undefined) {
    for (const each of registrations) output.document(exportRegistration(each, args.export).trimEnd());
    return;
  }
  const names = registrations.map(({name}) => name);
  if (args.inherit && args.table !== undefined) inheritEntries(args.table, names, output.warn);
  for (const registration of registrations) {
    const options = {...tableOf(args), chroot: args.chroot, onWarning: output.warn};
    if (args.test) await registerTried(registration, options);
    else for (const note of registerInTable(registration, options)) output.warn(note);
    output.line(safe`${registration.name}  ${registration.interpreter}`);
  }
}

function namingOf({target, name, flags}: Arguments) {
  return {target, name, flags};
}

function tableOf({table, global}: Arguments) {
  return {table, global};
}
