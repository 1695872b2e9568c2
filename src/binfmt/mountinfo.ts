/** A mount, as /proc/PID/mountinfo shows it (proc(5)). */
export interface Mount {
  /** Its mount point. */
  readonly path: string;
  /** Major and minor number of its file system. */
  readonly device: string;
  /** Options of the mount, not of its file system: noexec, nodev, ... */
  readonly options: readonly string[];
  /** Of its file system: ext4, tmpfs, ... */
  readonly type: string;
}

/** The mounts in a mountinfo, in order: of two on one mount point, only the last is visible. */
export function parseMounts(mountinfo: string): readonly Mount[] {
  return mountinfo
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [fields = '', ofFileSystem = ''] = line.split(' - ');
      const [, , device = '', , mountPoint = '', options = ''] = fields.split(' ');
      const [type = ''] = ofFileSystem.split(' ');
      return {path: unescapeOctal(mountPoint), device, options: options.split(','), type};
    });
}

function unescapeOctal(path: string): string {
  return path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
