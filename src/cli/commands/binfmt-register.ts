import {
  bundledEmulators,
  describeEmulator,
  type ExportFormat,
  exportRegistration,
  inheritEntries,
  type Registration,
  registerInTable,
  tryEmulator,
} from '../../index.js';
import type {Arguments} from '../command.js';
import {exitStatus, type Output} from '../output.js';
import {safe} from '../safe-text.js';

export function run(args: Arguments, output: Output): number | undefined {
  const problem = problemOf(args);
  if (problem !== undefined) {
    output.note(safe`${problem}; see elfinterp binfmt register --help`);
    return exitStatus.usage;
  }
  const registrations = planned(args, output);
  const format = args.export as ExportFormat | undefined;
  if (format === undefined) enter(registrations, args, output);
  else for (const each of registrations) output.document(exportRegistration(each, format).trimEnd());
  return undefined;
}

function problemOf({chroot, interpreter, inherit, table}: Arguments): string | undefined {
  if ((chroot === undefined) === (interpreter === undefined))
    return 'name an interpreter, or a chroot with --chroot';
  return inherit && table === undefined ? '--inherit goes with --table' : undefined;
}

function planned(args: Arguments, output: Output): readonly Registration[] {
  const flags = args.flags as string;
  if (args.chroot !== undefined) return bundledEmulators(args.chroot as string, {flags}, output.warn);
  const {target, name} = args as {target?: string; name?: string};
  return [describeEmulator(args.interpreter as string, {target, name, flags})];
}

function enter(registrations: readonly Registration[], args: Arguments, output: Output): void {
  const options = {table: args.table as string | undefined, global: args.global as boolean | undefined};
  if (options.table !== undefined && args.inherit)
    inheritEntries(
      options.table,
      registrations.map(({name}) => name),
      output.warn,
    );
  for (const registration of registrations) {
    for (const note of registerInTable(registration, options)) output.warn(note);
    output.line(safe`${registration.name}  ${registration.interpreter}`);
    if (args.test) tryEmulator(registration, args.chroot as string | undefined);
  }
}
