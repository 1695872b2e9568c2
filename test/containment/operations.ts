/* The operations on a root whose owner wants to lead them outside: every command that takes a root. */

import {bundle} from '../../src/bundle/bundle.js';
import {diagnose} from '../../src/chroot/doctor/diagnose.js';
import {installEmulator} from '../../src/chroot/install.js';
import {removeBundle} from '../../src/chroot/remove.js';
import {runInChroot} from '../../src/chroot/run.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import {openElfSync} from '../../src/elf/open.js';
import {resolveTree} from '../../src/loader/resolve-tree.js';
import {findElfFiles} from '../../src/source/walk.js';
import type {Place} from './place.js';

export interface Operation {
  /** Whether it works on an installed bundle. */
  readonly withBundle: boolean;
  /** Whether it changes the root. */
  readonly changes: boolean;
  /** Paths in the root that it reads or writes. */
  readonly paths: readonly string[];
  run(place: Place): unknown;
}

const loaded = [
  '/bin/p',
  '/lib64/ld-linux-x86-64.so.2',
  '/lib/x86_64-linux-gnu/libc.so.6',
  '/opt/mine/libmine.so',
  '/opt/lib/libcached.so',
  '/etc/ld.so.cache',
  '/etc/ld.so.preload',
  '/lib/preload.so',
];
const bundled = [
  '/debootstrap/qemu-libs/manifest.json',
  '/debootstrap/qemu-libs/ld.so',
  '/debootstrap/qemu-arm',
];
const notes = ['/var/lib/dpkg/arch', '/var/lib/dpkg/status', '/debootstrap/arch', '/bin/sh'];

export const operations = {
  'tree --root': {
    withBundle: false,
    changes: false,
    paths: loaded,
    run: ({root}) => resolveTree('/bin/p', {root}),
  },
  'bundle --root': {
    withBundle: false,
    changes: true,
    paths: [...loaded, '/etc/data'],
    run: ({root, into}) => bundle(['/bin/p'], {root, into, files: [{source: '/etc/data'}, {source: '/etc'}]}),
  },
  'needed -r': {
    withBundle: false,
    changes: false,
    paths: loaded,
    run: ({root}) => neededBelow(root),
  },
  'bundle --into': {
    withBundle: false,
    changes: true,
    paths: [
      '/usr/libexec/elfinterp/libs/manifest.json',
      '/usr/libexec/elfinterp/qemu-arm',
      '/.elfinterp-lock',
    ],
    run: ({root, emulator}) =>
      bundle([emulator], {into: root, prefix: '/usr/libexec/elfinterp', libs: 'libs'}),
  },
  'chroot install': {
    withBundle: false,
    changes: true,
    paths: [...bundled, ...notes, '/usr/bin/qemu-arm', '/.elfinterp-lock'],
    run: ({root, emulator}) => installEmulator(root, [emulator]),
  },
  'chroot install, again': {
    withBundle: true,
    changes: true,
    paths: [...bundled, '/.elfinterp-lock'],
    run: ({root}) => installEmulator(root, ['/bin/cat']),
  },
  'chroot verify': {
    withBundle: true,
    changes: false,
    paths: bundled,
    run: ({root}) => verifyBundle(root),
  },
  'chroot remove': {
    withBundle: true,
    changes: true,
    paths: [...bundled, '/.elfinterp-lock'],
    run: ({root}) => removeBundle(root, {force: true}),
  },
  doctor: {
    withBundle: true,
    changes: false,
    paths: [...bundled, ...notes, '/usr/bin/qemu-arm', '/proc'],
    run: ({root}) => diagnose(root),
  },
  'chroot run': {
    withBundle: true,
    changes: false,
    paths: [...bundled, '/bin/sh', '/usr/bin/env', '/proc', '/sys', '/dev', '/etc/resolv.conf'],
    run: ({root}) =>
      runInChroot(root, ['/bin/sh'], {
        stdio: ['ignore', 'ignore', 'ignore'],
        resolvConf: true,
        variables: {LD_PRELOAD: ''},
      }),
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;

function neededBelow(directory: string): readonly string[] {
  return [...findElfFiles(directory)].flatMap((path) => {
    const file = openElfSync(path);
    try {
      return file.view.dynamic?.needed ?? [];
    } finally {
      void file.close();
    }
  });
}
