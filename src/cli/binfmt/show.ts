import {type BinfmtEntry, exportRegistration, flagMeanings, mustFindTable, readEntry} from '../../index.js';
import type {ArgumentsOf} from '../command.js';
import type {Output} from '../output.js';
import {safe} from '../safe-text.js';
import type {binfmtShow as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export function run(args: Arguments, output: Output): undefined {
  const {mountPoint} = mustFindTable(args.table);
  const entries: BinfmtEntry[] = [];
  for (const name of args.names) {
    try {
      entries.push(readEntry(mountPoint, name));
    } catch (error) {
      output.error(error);
    }
  }
  const format = args.export;
  if (args.json) output.json(entries.map(({enabled, registration}) => ({enabled, ...registration})));
  else if (format === undefined) for (const entry of entries) show(entry, output);
  else
    for (const {registration} of entries) output.document(exportRegistration(registration, format).trimEnd());
}

function show({enabled, registration}: BinfmtEntry, output: Output): void {
  const {name, match, interpreter, flags} = registration;
  output.line(safe`${name}: ${enabled ? 'enabled' : 'disabled'}`);
  output.line(safe`  interpreter  ${interpreter}`);
  if (match.type === 'extension') output.line(safe`  files called *.${match.extension}`);
  else {
    output.line(safe`  offset       ${match.offset}`);
    output.line(safe`  magic        ${hexOf(match.magic)}`);
    if (match.mask !== undefined) output.line(safe`  mask         ${hexOf(match.mask)}`);
  }
  for (const flag of flags) output.line(safe`  flag ${flag}       ${flagMeanings[flag] ?? 'unknown here'}`);
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
