import {
  bundledEmulators,
  describeEmulator,
  type ExportFormat,
  emulatorForChroot,
  exportRegistration,
  hasBundle,
  inheritEntries,
  isSharedProgram,
  keepEmulator,
  type Registration,
  registerEverywhere,
  registerInTable,
  tryEmulator,
} from '../../index.js';
import type {Arguments} from '../command.js';
import {exitStatus, type Output} from '../output.js';
import {safe} from '../safe-text.js';

export async function run(args: Arguments, output: Output): Promise<number | undefined> {
  const problem = problemOf(args);
  if (problem !== undefined) {
    output.note(safe`${problem}; see elfinterp binfmt register --help`);
    return exitStatus.usage;
  }
  const emulator = emulatorOfThisMachine(args, output);
  if (emulator !== undefined) await everywhere(emulator, args, output);
  else if (args.chroot === undefined || hasBundle(args.chroot as string)) asNamed(args, output);
  return undefined;
}

function problemOf({chroot, interpreter, inherit, table}: Arguments): string | undefined {
  if ((chroot === undefined) === (interpreter === undefined))
    return 'name an interpreter, or a chroot with --chroot';
  return inherit && table === undefined ? '--inherit requires --table' : undefined;
}

/** What is registered with flag F, as one file: by its name, or because it is shared and F is asked for. */
function emulatorOfThisMachine(args: Arguments, output: Output): string | undefined {
  if (args.chroot !== undefined) {
    if (hasBundle(args.chroot as string)) return undefined;
    const emulator = emulatorForChroot(args.chroot as string);
    if (emulator === undefined) output.note(safe`this machine runs the programs of this chroot natively`);
    return emulator;
  }
  const interpreter = args.interpreter as string;
  const isWanted =
    !interpreter.includes('/') ||
    ((args.flags as string | undefined)?.includes('F') && isSharedProgram(interpreter));
  return isWanted ? interpreter : undefined;
}

async function everywhere(emulator: string, args: Arguments, output: Output): Promise<void> {
  const format = args.export as ExportFormat | undefined;
  const options = {
    ...namingOf(args),
    ...tableOf(args),
    into: args.into as string | undefined,
    inherit: args.inherit as boolean | undefined,
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

/** An interpreter by the path at which it will be looked up, or the emulators of a chroot's bundle. */
function asNamed(args: Arguments, output: Output): void {
  const registrations = planned(args, output);
  const format = args.export as ExportFormat | undefined;
  if (format === undefined) enter(registrations, args, output);
  else for (const each of registrations) output.document(exportRegistration(each, format).trimEnd());
}

function planned(args: Arguments, output: Output): readonly Registration[] {
  const {flags} = namingOf(args);
  if (args.chroot !== undefined) return bundledEmulators(args.chroot as string, {flags}, output.warn);
  return [describeEmulator(args.interpreter as string, namingOf(args))];
}

function enter(registrations: readonly Registration[], args: Arguments, output: Output): void {
  const names = registrations.map(({name}) => name);
  if (args.inherit) inheritEntries(args.table as string, names, output.warn);
  for (const registration of registrations) {
    for (const note of registerInTable(registration, tableOf(args))) output.warn(note);
    output.line(safe`${registration.name}  ${registration.interpreter}`);
    if (args.test) tryEmulator(registration, args.chroot as string | undefined);
  }
}

function namingOf({target, name, flags}: Arguments): {target?: string; name?: string; flags?: string} {
  return {target, name, flags} as {target?: string; name?: string; flags?: string};
}

function tableOf({table, global}: Arguments): {table?: string; global?: boolean} {
  return {table, global} as {table?: string; global?: boolean};
}
