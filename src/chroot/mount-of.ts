import {readFileSync} from 'node:fs';
import {type Mount, parseMounts} from '../binfmt/mountinfo.js';

/** Find the innermost mount that a directory is on (proc(5), mountinfo); undefined where /proc does not show it. */
export function mountOf(path: string): Mount | undefined {
  const mounts = readMounts().filter(
    (mount) => path === mount.path || path.startsWith(mount.path === '/' ? '/' : `${mount.path}/`),
  );
  // Of several on one mount point, the last covers the others.
  return mounts.reduce<Mount | undefined>(
    (best, mount) => (best === undefined || mount.path.length >= best.path.length ? mount : best),
    undefined,
  );
}

function readMounts(): readonly Mount[] {
  try {
    return parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  } catch {
    return [];
  }
}
