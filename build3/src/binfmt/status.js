import {release} from 'node:os';
import {findTable, hasPrivateTables} from './mount.js';
import {readTable} from './registry.js';
/** Tell which table this process sees, or the one mounted at `table`. @throws ElfError when it cannot be read */
export function binfmtStatus(table) {
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
//# sourceMappingURL=status.js.map
