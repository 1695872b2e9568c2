import {mustFindTable, readTable, targetOfFile} from '../../index.js';
export function run(args, output) {
  const {mountPoint} = mustFindTable(args.table);
  const {enabled, entries} = readTable(mountPoint);
  if (args.json) {
    output.json(
      entries.map((entry) => ({
        enabled: entry.enabled,
        ...entry.registration,
        target: targetOf(entry) ?? null,
      })),
    );
    return;
  }
  if (!enabled) output.note(`${mountPoint}: binfmt_misc is switched off as a whole`);
  for (const entry of entries) {
    const {name, flags, interpreter} = entry.registration;
    const state = entry.enabled ? 'enabled' : 'disabled';
    output.line([name, state, flags || '-', interpreter, targetOf(entry) ?? '-'].join('  '));
  }
}
/** The qemu-user target whose programs an entry is for. */
function targetOf({registration: {match}}) {
  return match.type === 'magic' && match.offset === 0 ? targetOfFile(match.magic)?.name : undefined;
}
//# sourceMappingURL=binfmt-list.js.map
