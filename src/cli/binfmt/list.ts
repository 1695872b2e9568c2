import {type BinfmtEntry, mustFindTable, readTable, targetOfFile} from '../../index.js';
import type {ArgumentsOf} from '../command.js';
import type {Output} from '../output.js';
import {joined, safe} from '../safe-text.js';
import type {binfmtList as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export function run(args: Arguments, output: Output): undefined {
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
  if (!enabled) output.note(safe`${mountPoint}: binfmt_misc is disabled`);
  for (const entry of entries) {
    const {name, flags, interpreter} = entry.registration;
    const state = entry.enabled ? 'enabled' : 'disabled';
    output.line(joined([name, state, flags || '-', interpreter, targetOf(entry) ?? '-'], '  '));
  }
}

/** The qemu-user target whose programs an entry is for. */
function targetOf({registration: {match}}: BinfmtEntry): string | undefined {
  return match.type === 'magic' && match.offset === 0 ? targetOfFile(match.magic)?.name : undefined;
}
