import {release} from 'node:os';
import {findTable, hasPrivateTables} from './mount.js';
import {readTable} from './registry.js';

/** Which table of binfmt_misc a process sees, and what it may do with it. */
export interface BinfmtStatus {
  /** Where binfmt_misc is mounted; undefined, like the next three, when it is not. */
  readonly mountPoint: string | undefined;
  /** Whether it is the machine's own table, and not one of a user namespace. */
  readonly hostWide: boolean | undefined;
  readonly enabled: boolean | undefined;
  readonly entries: number | undefined;
  /** As `uname -r` prints it. */
  readonly kernel: string;
  /** Whether this kernel gives each user namespace its own table. */
  readonly privateTables: boolean;
}

/** Tell which table this process sees, or the one mounted at `table`. @throws ElfError when it cannot be read */
export function binfmtStatus(table?: string): BinfmtStatus {
  const mount = findTable(table);
  const content = mount === undefined ? undefined : readTable(mount.mountPoint);
  return {
    mountPoint: mount?.mountPoint,
    hostWide: mount?.hostWide,
    enabled: content?.enabled,
    entries: content?.entries.length,
    kernel: release(),
    privateTables: hasPrivateTables(),
  };
}
