import {closeSync, fsyncSync, openSync} from 'node:fs';
/** Make a rename in a directory survive a power failure. Some file systems cannot; that is no reason to fail. */
export function syncDirectory(path) {
  try {
    const fd = openSync(path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // The rename itself has been done; only its durability is up to the file system now.
  }
}
//# sourceMappingURL=durable.js.map
