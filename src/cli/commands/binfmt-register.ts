import {
  bundledEmulators,
  describeEmulator,
  type ExportFormat,
  exportRegistration,
  type Registration,
  registerInTable,
  tryEmulator,
} from '../../index.js';
import type {Arguments} from '../command.js';
import {exitStatus, type Output} from '../output.js';

export function run(args: Arguments, output: Output): number | undefined {
  if ((args.chroot === undefined) === (args.interpreter === undefined)) {
    output.note('name an interpreter, or a chroot with --chroot; see elfinterp binfmt register --help');
    return exitStatus.usage;
  }
  const format = args.export as ExportFormat | undefined;
  for (const registration of planned(args, output)) {
    if (format !== undefined) output.line(exportRegistration(registration, format).trimEnd());
    else enter(registration, args, output);
  }
  return undefined;
}

function planned(args: Arguments, output: Output): readonly Registration[] {
  const flags = args.flags as string;
  if (args.chroot !== undefined) return bundledEmulators(args.chroot as string, {flags}, output.note);
  const {target, name} = args as {target?: string; name?: string};
  return [describeEmulator(args.interpreter as string, {target, name, flags})];
}

function enter(registration: Registration, args: Arguments, output: Output): void {
  const options = {table: args.table as string | undefined, global: args.global as boolean | undefined};
  for (const note of registerInTable(registration, options)) output.note(note);
  output.line(`${registration.name}  ${registration.interpreter}`);
  if (args.test) tryEmulator(registration, args.chroot as string | undefined);
}
