/*
 * Which machine is a chroot for? The most reliable source decides: dpkg records the native architecture of its system,
 * debootstrap's first stage leaves a note while dpkg is not configured yet, and without either, the ELF header of a
 * basic program tells.
 */
import {
  isNativeTarget,
  type QemuTarget,
  targetOfFile,
  targetsForDebianArchitecture,
} from '../binfmt/targets.js';
import {machineOf} from '../elf/machine.js';
import {openElfSource} from '../elf/open.js';
import {ElfError, printable} from '../errors.js';
import type {Root} from '../loader/root.js';
import {isElfMagic} from '../source/source.js';
import {readHead} from './program.js';

/** The architecture of the programs in a root directory. */
export interface Architecture {
  /** Debian's name for it where there is one, else the machine's. */
  readonly name: string;
  /** Where that was found. */
  readonly evidence: string;
  /** The qemu-user targets that run its programs, the likeliest first. */
  readonly targets: readonly QemuTarget[];
  /** Whether this machine runs them without an emulator. */
  readonly isNative: boolean;
}

/** Find a chroot's architecture; undefined if nothing shows it. */
export function findArchitecture(root: Root): Architecture | undefined {
  return fromDpkgArch(root) ?? fromDpkgStatus(root) ?? fromDebootstrap(root) ?? fromPrograms(root);
}

/**
 * Describe a Debian architecture.
 *
 * @param evidence where its name was found; undefined when a user gave it
 * @throws ElfError UNSUPPORTED when no qemu-user target runs its programs
 */
export function describeArchitecture(name: string, evidence?: string): Architecture {
  const targets = targetsForDebianArchitecture(name);
  const [first] = targets;
  if (first !== undefined)
    return {name, evidence: evidence ?? 'as requested', targets, isNative: isNativeTarget(first)};
  throw new ElfError(
    'UNSUPPORTED',
    `no qemu-user target runs programs for the architecture ${printable(name)}`,
    {
      expected: 'a Debian architecture such as armel, arm64, riscv64, s390x',
      got: evidence === undefined ? undefined : `${printable(name)} in ${evidence}`,
    },
  );
}

/** @throws ElfError NOT_FOUND if nothing in the chroot shows it */
export function architectureOf(root: Root, name?: string): Architecture {
  if (name !== undefined) return describeArchitecture(name);
  const found = findArchitecture(root);
  // Look it up again by name, to throw an error if no target runs it.
  if (found !== undefined)
    return found.targets.length > 0 ? found : describeArchitecture(found.name, found.evidence);
  throw new ElfError('NOT_FOUND', 'cannot determine the architecture of this chroot', {
    path: root.host,
    expected:
      '/var/lib/dpkg/arch, dpkg in /var/lib/dpkg/status, /debootstrap/arch, or a program such as /bin/sh',
    allowedBy: 'architecture',
  });
}

/** dpkg's list of architectures: its native one comes first. */
function fromDpkgArch(root: Root): Architecture | undefined {
  return fromNote(root, '/var/lib/dpkg/arch', (text) => text.split('\n')[0]);
}

/** dpkg itself is a package of its native architecture. */
function fromDpkgStatus(root: Root): Architecture | undefined {
  return fromNote(root, '/var/lib/dpkg/status', (text) => {
    const paragraph = text.split('\n\n').find((part) => /^Package: dpkg$/m.test(part));
    return paragraph === undefined ? undefined : /^Architecture: (\S+)$/m.exec(paragraph)?.[1];
  });
}

function fromDebootstrap(root: Root): Architecture | undefined {
  return fromNote(root, '/debootstrap/arch', (text) => text.split('\n')[0]);
}

/** The names that dpkg accepts, up to a length that no real one reaches. */
const architectureName = /^[a-z0-9][a-z0-9-]{0,63}$/;

function fromNote(
  root: Root,
  path: string,
  find: (text: string) => string | undefined,
): Architecture | undefined {
  const name = find(readText(root, path))?.trim();
  // A chroot of an architecture that no emulator supports can still be told from one of unknown architecture.
  if (name === undefined || !architectureName.test(name)) return undefined;
  const targets = targetsForDebianArchitecture(name);
  return {name, evidence: path, targets, isNative: targets[0] !== undefined && isNativeTarget(targets[0])};
}

/** In bytes; the status file of a full desktop is a quarter of this. */
const longestText = 1 << 25;

function readText(root: Root, path: string): string {
  const there = root.resolve(path);
  if (!there.found || !there.stats.isFile()) return '';
  const source = root.source(there.host);
  try {
    return Buffer.from(source.read(0, Math.min(source.size, longestText))).toString();
  } finally {
    source.close();
  }
}

/** Programs that nearly every system has. */
const basicPrograms = ['/bin/sh', '/usr/bin/env', '/bin/busybox', '/bin/ls', '/sbin/init'];

function fromPrograms(root: Root): Architecture | undefined {
  for (const path of basicPrograms) {
    const head = readHead(root, path);
    const target = head !== undefined && isElfMagic(head) ? targetOfFile(head) : undefined;
    if (target === undefined) continue;
    const name = debianNameOf(root, path) ?? target.name;
    return {name, evidence: path, targets: [target], isNative: isNativeTarget(target)};
  }
  return undefined;
}

/** armel and armhf differ in e_flags, which a registration's magic does not cover. */
function debianNameOf(root: Root, path: string): string | undefined {
  const there = root.resolve(path);
  if (!there.found) return undefined;
  try {
    const file = openElfSource(root.source(there.host));
    try {
      return machineOf(file.view).debianArchitectures[0];
    } finally {
      void file.close();
    }
  } catch {
    return undefined;
  }
}
