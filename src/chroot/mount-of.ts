import {readFileSync} from 'node:fs';

interface Mount {
  /** Its mount point. */
  readonly path: string;
  /** Of the mount, not of its file system: noexec, nodev, ... */
  readonly options: readonly string[];
}

/** Find the innermost mount that a directory is on (proc(5), mountinfo); undefined where /proc does not show it. */
export function mountOf(path: string): Mount | undefined {
  const mounts = readMounts().filter(
    (mount) => path === mount.path || path.startsWith(mount.path === '/' ? '/' : `${mount.path}/`),
  );
  // Of equally long ones the last is mounted over the others.
  return mounts.reduce<Mount | undefined>(
    (best, mount) => (best === undefined || mount.path.length >= best.path.length ? mount : best),
    undefined,
  );
}

function readMounts(): readonly Mount[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [, , , , mountPoint = '', options = ''] = line.split(' ');
      const octal = (_: string, digits: string) => String.fromCharCode(Number.parseInt(digits, 8));
      return {path: mountPoint.replace(/\\(\d{3})/g, octal), options: options.split(',')};
    });
}
