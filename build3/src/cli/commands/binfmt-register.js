import {bundledEmulators, describeEmulator, exportRegistration, registerInTable} from '../../index.js';
import {exitStatus} from '../output.js';
export function run(args, output) {
  if ((args.chroot === undefined) === (args.interpreter === undefined)) {
    output.note('name an interpreter, or a chroot with --chroot; see elfinterp binfmt register --help');
    return exitStatus.usage;
  }
  const format = args.export;
  for (const registration of planned(args, output)) {
    if (format !== undefined) output.line(exportRegistration(registration, format).trimEnd());
    else enter(registration, args, output);
  }
  return undefined;
}
function planned(args, output) {
  const flags = args.flags;
  if (args.chroot !== undefined) return bundledEmulators(args.chroot, {flags}, output.note);
  const {target, name} = args;
  return [describeEmulator(args.interpreter, {target, name, flags})];
}
function enter(registration, args, output) {
  const options = {table: args.table, global: args.global};
  for (const note of registerInTable(registration, options)) output.note(note);
  output.line(`${registration.name}  ${registration.interpreter}`);
}
//# sourceMappingURL=binfmt-register.js.map
