import {binfmtStatus} from '../../index.js';
import type {ArgumentsOf} from '../command.js';
import type {Output} from '../output.js';
import {safe} from '../safe-text.js';
import {counted} from '../size.js';
import type {binfmtStatus as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export function run(args: Arguments, output: Output): undefined {
  const status = binfmtStatus(args.table);
  const {mountPoint = null, hostWide = null, enabled = null, entries = null, kernel, privateTables} = status;
  if (args.json) {
    output.json({mountPoint, hostWide, enabled, entries, kernel, privateTables});
    return;
  }
  const whose = hostWide ? "the machine's own table" : 'the table of a user namespace';
  const state = enabled ? 'enabled' : 'disabled';
  if (mountPoint === null) output.line(safe`binfmt_misc is not mounted`);
  else output.line(safe`${mountPoint}: ${whose}, ${state}, ${counted(entries ?? 0, 'entry', 'entries')}`);
  const can = privateTables
    ? 'gives each user namespace its own table'
    : 'has one table for all; Linux 6.7 and later give each user namespace its own';
  output.line(safe`Linux ${kernel} ${can}`);
}
