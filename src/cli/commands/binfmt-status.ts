import {release} from 'node:os';
import {findTable, hasPrivateTables, readTable} from '../../index.js';
import type {Arguments} from '../command.js';
import type {Output} from '../output.js';

export function run(args: Arguments, output: Output): undefined {
  const mount = findTable(args.table as string | undefined);
  const table = mount === undefined ? undefined : readTable(mount.mountPoint);
  const privateTables = hasPrivateTables();
  if (args.json) {
    output.json({
      mountPoint: mount?.mountPoint ?? null,
      hostWide: mount?.hostWide ?? null,
      enabled: table?.enabled ?? null,
      entries: table?.entries.length ?? null,
      kernel: release(),
      privateTables,
    });
    return;
  }
  if (mount === undefined || table === undefined) output.line('binfmt_misc is not mounted');
  else {
    const whose = mount.hostWide ? "the machine's own table" : 'the table of a user namespace';
    output.line(
      `${mount.mountPoint}: ${whose}, ${table.enabled ? 'enabled' : 'disabled'}, ${table.entries.length} entries`,
    );
  }
  const can = privateTables
    ? 'gives each user namespace a table of its own'
    : 'has one table for all; 6.7 gives each user namespace one of its own';
  output.line(`Linux ${release()} ${can}`);
}
