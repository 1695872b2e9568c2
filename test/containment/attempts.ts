/* Every way out of a root that we could think of, as data: for which operation, and what the root's owner did. */
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import type {EditRequest} from '../../src/edit/request/request.js';
import {ElfError} from '../../src/errors.js';
import {edit} from '../helpers/edits.js';
import {output} from '../helpers/tools.js';
import {buildCache} from '../loader/cache-builder.js';
import {type OperationName, operations} from './operations.js';
import {type Place, secret} from './place.js';

export interface Attempt {
  readonly operation: OperationName;
  readonly name: string;
  /** Prepare the root; false when that is not possible. */
  prepare(place: Place): unknown;
}

export type Group = keyof typeof groups;

/** A link in place of a path component, to its counterpart outside. */
const links: Readonly<Record<string, (target: string, root: string) => string>> = {
  absolute: (target) => target,
  climbing: (target) => `${'../'.repeat(20)}${target.slice(1)}`,
  'above the root': (target) => `/..${target}`,
  'through /proc/self/root': (target) => `/proc/self/root${target}`,
  'through a missing directory': (target, root) => {
    symlinkSync(dirname(target), join(root, 'way'));
    return `/missing/../way/${basename(target)}-new`;
  },
  'through two more links': (target, root) => {
    symlinkSync('hop2', join(root, 'hop1'));
    symlinkSync(`/../..${target}`, join(root, 'hop2'));
    return '/hop1';
  },
};

function* linkAttempts(): Generator<Attempt> {
  for (const [operation, path, how] of product(everyPath(), Object.entries(links))) {
    const names = path.split('/').slice(1);
    for (const [i, name] of names.entries()) {
      const component = `/${names.slice(0, i + 1).join('/')}`;
      yield {
        operation,
        name: `${how[0]} link at ${name} of ${path}`,
        prepare: ({root, outside}) => {
          replace(root, component, (to) => symlinkSync(how[1](join(outside, component), root), to));
        },
      };
    }
  }
}

/** Special files in place of a regular file: made once, and linked into each place. */
const specials: Readonly<Record<string, (to: string, place: Place) => void>> = {
  'a FIFO': (to, place) =>
    linkSync(
      once(place, 'fifo', (path) => output('mkfifo', [path])),
      to,
    ),
  'the device /dev/zero': (to, place) =>
    linkSync(
      once(place, 'zero', (path) => output('mknod', [path, 'c', '1', '5'])),
      to,
    ),
  'a terminal': (to, place) =>
    linkSync(
      once(place, 'tty', (path) => output('mknod', [path, 'c', '5', '2'])),
      to,
    ),
  'a block device': (to, place) =>
    linkSync(
      once(place, 'disk', (path) => output('mknod', [path, 'b', '7', '99'])),
      to,
    ),
  'a socket': (to, place) =>
    linkSync(
      once(place, 'socket', (path) =>
        output('python3', ['-c', 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])', path]),
      ),
      to,
    ),
  'a directory': (to) => void mkdirSync(to),
  'an empty file': (to) => writeFileSync(to, ''),
  'a link to itself': (to) => symlinkSync(basename(to), to),
};

function* specialAttempts(): Generator<Attempt> {
  for (const [operation, path, [name, make]] of product(everyPath(), Object.entries(specials))) {
    yield {
      operation,
      name: `${name} at ${path}`,
      prepare: (place) => replace(place.root, path, (to) => make(to, place)),
    };
  }
  const texts = ['/etc/ld.so.cache', '/etc/ld.so.preload', '/var/lib/dpkg/arch', '/var/lib/dpkg/status'];
  for (const [operation, path] of everyPath()) {
    if (!texts.includes(path) && !path.endsWith('manifest.json')) continue;
    yield {
      operation,
      name: `a file of 5 GB at ${path}`,
      prepare: ({root}) =>
        replace(root, path, (to) => {
          writeFileSync(to, '');
          truncateSync(to, 5 * 2 ** 30);
        }),
    };
  }
}

/** Names that a file can request or have. */
function hostileNames({outside}: Place): Readonly<Record<string, string>> {
  const up = '../'.repeat(20);
  return {
    'an absolute path outside': join(outside, 'opt/mine/libmine.so'),
    'a climbing path': `${up}${outside.slice(1)}/opt/mine/libmine.so`,
    'a climbing path that begins absolute': `/${up}${outside.slice(1)}/opt/mine/libmine.so`,
    'a path of the host by $ORIGIN': `$ORIGIN/${up}${outside.slice(1)}/opt/mine/libmine.so`,
    'a path through /proc': `/proc/self/root${outside}/opt/mine/libmine.so`,
    'a path by descriptor': '/proc/self/fd/0',
    'a device': '/dev/zero',
    'dot dot': '..',
    dot: '.',
    slash: '/',
    'a name that ends with a slash': 'libmine.so/',
    'a name with a newline': 'lib\nmine.so',
    'a name that steers a terminal': '\x1b]0;x\x07\x1b[2J',
    'a name of 255 bytes': 'x'.repeat(255),
    'a name of 256 bytes': 'x'.repeat(256),
    'a name of 128 letters and 256 bytes': 'ä'.repeat(128),
    'a path of 5000 bytes': '/x'.repeat(2500),
    'the name of the manifest': 'manifest.json',
    'the name of the loader': 'ld.so',
  };
}

const fields: Readonly<Record<string, {path: string; request: (name: string) => EditRequest}>> = {
  NEEDED: {path: '/bin/p', request: (name) => ({addNeeded: [name]})},
  PT_INTERP: {path: '/bin/p', request: (name) => ({interpreter: name})},
  RPATH: {path: '/bin/p', request: (name) => ({rpath: name.replace(/\/libmine\.so$/, '')})},
  'SONAME of a library': {path: '/opt/mine/libmine.so', request: (name) => ({soname: name})},
  'NEEDED of a library': {path: '/opt/mine/libmine.so', request: (name) => ({addNeeded: [name]})},
};

function* nameAttempts(): Generator<Attempt> {
  const readers = ['tree --root', 'bundle --root', 'needed -r'] as const;
  const names = Object.keys(hostileNames({outside: ''} as Place));
  for (const [operation, [field, {path, request}], name] of product(
    product(readers, Object.entries(fields)),
    names,
  )) {
    yield {
      operation,
      name: `${field}: ${name}`,
      prepare: (place) => {
        const file = join(place.root, path);
        const changed = editIfPossible(readFileSync(file), request(hostileNames(place)[name] ?? ''));
        if (changed === undefined) return false;
        writeFileSync(file, changed);
        return true;
      },
    };
  }
  for (const [operation, name] of product(
    ['chroot remove', 'chroot verify', 'chroot install, again', 'doctor', 'needed -r'] as const,
    ['a\nb', 'x'.repeat(255), '...', '.. ', '\x1b[2J', '-rf', "'; touch outside; '", '.elfinterp-lock-1'],
  )) {
    for (const directory of ['/', '/debootstrap', '/debootstrap/qemu-libs']) {
      yield {
        operation,
        name: `a file called ${JSON.stringify(name.slice(0, 20))} in ${directory}`,
        prepare: ({root, outside}) => {
          const to = join(root, directory, name);
          if (existsSync(dirname(to))) symlinkSync(join(outside, 'etc/data'), to);
        },
      };
    }
  }
}

type Json = Record<string, unknown> & {files: Record<string, unknown>[]; programs: Record<string, unknown>[]};

/** What somebody can do to the manifest of a bundle. */
const lies: Readonly<Record<string, (manifest: Json, place: Place) => unknown>> = {
  'no JSON': () => undefined,
  'an array': () => [],
  'another version': (m) => ({...m, version: 2}),
  ...eachPath('the prefix', (m, path) => ({...m, prefix: path})),
  ...eachPath('the library directory', (m, path) => ({...m, libs: path})),
  ...eachPath('a file', (m, path) => withFile(m, {path})),
  ...eachPath('one more file', (m, path) => ({...m, files: [...m.files, {...m.files[0], path}]})),
  ...eachPath('a program', (m, path) => ({...m, programs: [{...m.programs[0], path}]})),
  ...eachPath('the interpreter', (m, path) => ({...m, programs: [{...m.programs[0], interpreter: path}]})),
  ...eachPath('what a wrapper starts', (m, path) => ({...m, programs: [{...m.programs[0], wraps: path}]})),
  ...Object.fromEntries(
    ['data', 'program', 'library', 'loader'].map((role) => [
      `a private file as the source of a ${role}`,
      (m: Json, place: Place) => ({
        ...m,
        files: [
          ...m.files,
          {...m.files[0], role, path: `/debootstrap/${role}-x`, source: privateFile(place)},
        ],
      }),
    ]),
  ),
  'a private program as the source of one': (m, place) => ({
    ...m,
    files: [
      ...m.files,
      {...m.files[0], role: 'program', path: '/debootstrap/private', source: privateProgram(place)},
    ],
  }),
  'a program whose loader would be run': (m, place) => ({
    ...m,
    files: [
      ...m.files,
      {...m.files[0], role: 'program', path: '/debootstrap/evil', source: evilProgram(place)},
    ],
  }),
  'a device as the source of data': (m) => ({
    ...m,
    files: [...m.files, {...m.files[0], role: 'data', path: '/debootstrap/zero', source: '/dev/zero'}],
  }),
  'a directory as the source of data': (m, {outside}) => ({
    ...m,
    files: [...m.files, {...m.files[0], role: 'data', path: '/debootstrap/all', source: outside}],
  }),
  'another target': (m) => ({...m, programs: [{...m.programs[0], qemuTarget: '../../x'}]}),
  "this machine's own target": (m) => ({...m, programs: [{...m.programs[0], qemuTarget: 'x86_64'}]}),
  'a target with a newline': (m) => ({...m, programs: [{...m.programs[0], qemuTarget: 'arm\n:x:M::y::/z:'}]}),
  'an endless size': (m) => withFile(m, {size: 1e300}),
  'a negative size': (m) => withFile(m, {size: -1}),
  'a set-user-ID mode': (m) => withFile(m, {mode: 0o4755}),
  'no hash': (m) => withFile(m, {sha256: ''}),
  __proto__: (m) =>
    JSON.parse(`{"__proto__": {"prefix": "/etc"}, "version": 1, "libs": ${JSON.stringify(m.libs)}}`),
};

function eachPath(
  what: string,
  change: (manifest: Json, path: string) => unknown,
): Record<string, (manifest: Json, place: Place) => unknown> {
  const paths: Record<string, (place: Place) => string> = {
    outside: ({outside}) => join(outside, 'etc/data'),
    'climbing out': ({outside}) => `/debootstrap/${'../'.repeat(20)}${outside.slice(1)}/etc/data`,
    'the root': () => '/',
    'of the machine': () => '/etc/passwd',
    'with a dot': () => '/debootstrap/./x',
    'with a NUL': () => '/debootstrap/x\0y',
    'with a newline': () => '/debootstrap/x\ny',
    relative: () => 'debootstrap/x',
    'of the wrong type': () => 7 as unknown as string,
  };
  return Object.fromEntries(
    Object.entries(paths).map(([kind, make]) => [`${what}: ${kind}`, (m, place) => change(m, make(place))]),
  );
}

function* manifestAttempts(): Generator<Attempt> {
  const believers = [
    'chroot install, again',
    'chroot verify',
    'chroot remove',
    'doctor',
    'chroot run',
  ] as const;
  for (const [operation, [name, lie]] of product(believers, Object.entries(lies))) {
    yield {
      operation,
      name: `the manifest lies: ${name}`,
      prepare: (place) => {
        const file = join(place.root, 'debootstrap/qemu-libs/manifest.json');
        const lied = lie(JSON.parse(readFileSync(file, 'utf8')), place);
        writeFileSync(file, lied === undefined ? 'no JSON' : JSON.stringify(lied));
      },
    };
  }
  for (const name of ['chroot install', 'bundle --into'] as const) yield* stagingAttempts(name);
  for (const name of ['chroot install, again', 'chroot remove'] as const) yield* stagingAttempts(name);
}

/** What looks like the remains of a killed run, for the next run to recover. */
function* stagingAttempts(operation: OperationName): Generator<Attempt> {
  const staging = '.elfinterp-staging-1-x';
  yield {
    operation,
    name: 'a staging directory that is a link',
    prepare: ({root, outside}) => symlinkSync(outside, join(root, staging)),
  };
  yield {
    operation,
    name: 'a staging directory with links in it',
    prepare: ({root, outside}) => {
      mkdirSync(join(root, staging, 'new'), {recursive: true, mode: 0o700});
      symlinkSync(outside, join(root, staging, 'new/link'));
      symlinkSync(outside, join(root, staging, 'replaced'));
    },
  };
  yield {
    operation,
    name: 'a staging directory of another version, with a link outside',
    prepare: ({root, outside}) => {
      const list = join(outside, 'debootstrap/qemu-libs/manifest.json');
      mkdirSync(join(root, staging, 'replaced/debootstrap'), {recursive: true, mode: 0o700});
      if (existsSync(list)) writeFileSync(join(root, staging, 'manifest.json'), withoutSecret(list));
      symlinkSync(outside, join(root, staging, 'replaced/debootstrap/qemu-libs'));
    },
  };
  for (const [name, path] of [
    ['goes up', '/debootstrap/../../precious'],
    ['goes through a link', '/way/precious'],
    ['is one', '/way'],
  ] as const)
    yield {
      operation,
      name: `a staging directory with a journal of which a path ${name}`,
      prepare: ({root, outside}) => {
        mkdirSync(join(root, staging, `replaced/way`), {recursive: true, mode: 0o700});
        mkdirSync(join(root, staging, `new/debootstrap`), {recursive: true});
        writeFileSync(join(root, staging, 'replaced/way/precious'), 'other');
        symlinkSync(outside, join(root, 'way'));
        const step = {path, role: 'data', sha256: '0'.repeat(64), size: 5};
        const mark = join(root, staging, 'mark');
        writeFileSync(mark, '');
        const {ino, ctimeNs} = lstatSync(mark, {bigint: true});
        const journal = {
          version: 1,
          mark: `${ino}-${ctimeNs}`,
          prepare: ['putAside', 'moveIn', 'makeDirectory'].map((op) => ({op, ...step})),
          commit: {op: 'moveDirectoryIn', path: '/debootstrap'},
          finish: [{op: 'removeEmpty', path}],
        };
        writeFileSync(join(root, staging, 'journal.json'), JSON.stringify(journal));
      },
    };
  for (const holder of ['1-0', `${process.pid}-0`, '../..', 'x'.repeat(200)]) {
    yield {
      operation,
      name: `a lock that says ${holder.slice(0, 10)}`,
      prepare: ({root}) => symlinkSync(holder, join(root, '.elfinterp-lock')),
    };
  }
}

/** The architecture that dpkg and debootstrap record, as somebody might forge it. */
const architectures: Readonly<Record<string, string>> = {
  'a path': '../../../../etc/passwd',
  'an absolute path': '/etc/passwd',
  'a command': 'armel; touch /tmp/x',
  'an option': '--help',
  'an escape sequence': '\x1b[2Jarmel',
  'a NUL': 'arm\0el',
  'no newline, a megabyte': 'a'.repeat(1 << 20),
  "this machine's own": 'amd64',
  'a word of JavaScript': '__proto__',
  'bytes that are no text': '\ufffd\ufffd\u0000\u0001',
};

function* noteAttempts(): Generator<Attempt> {
  for (const [operation, path, [name, text]] of product(
    product(['chroot install', 'doctor', 'chroot run'] as const, [
      '/var/lib/dpkg/arch',
      '/var/lib/dpkg/status',
      '/debootstrap/arch',
    ]),
    Object.entries(architectures),
  )) {
    yield {
      operation,
      name: `${path} says ${name}`,
      prepare: ({root}) => {
        for (const other of ['/var/lib/dpkg/arch', '/var/lib/dpkg/status', '/debootstrap/arch'])
          rmSync(join(root, other), {force: true});
        const content = path.endsWith('status') ? `Package: dpkg\nArchitecture: ${text}\n` : `${text}\n`;
        writeFileSync(join(root, path), content);
      },
    };
  }
}

function* cacheAttempts(): Generator<Attempt> {
  const cached = (path: string) => () => buildCache([{name: 'libcached.so', path}]);
  const caches: Record<string, (place: Place) => Buffer> = {
    'a path outside': (place) => cached(join(place.outside, 'opt/lib/libcached.so'))(),
    'a climbing path': (place) =>
      cached(`/${'../'.repeat(20)}${place.outside.slice(1)}/opt/lib/libcached.so`)(),
    'a relative path': cached('../outside/opt/lib/libcached.so'),
    'a path through /proc': (place) => cached(`/proc/self/root${place.outside}/opt/lib/libcached.so`)(),
    'a device': cached('/dev/zero'),
    'a directory': cached('/opt/lib'),
    'an empty path': cached(''),
    'a path with a newline': cached('/opt/lib/lib\ncached.so'),
    'a path of 5000 bytes': cached('/x'.repeat(2500)),
    'more entries than there are': () =>
      buildCache([{name: 'libcached.so', path: '/opt/lib/libcached.so'}], {claimed: 0x7fffffff}),
    'the other byte order': () =>
      buildCache([{name: 'libcached.so', path: '/opt/lib/libcached.so'}], {bigEndian: true}),
    'offsets beyond its end': () => {
      const cache = buildCache([{name: 'libcached.so', path: '/opt/lib/libcached.so'}]);
      cache.writeUInt32LE(0xfffffff0, 56);
      return cache;
    },
    'half of itself': () => cached('/opt/lib/libcached.so')().subarray(0, 60),
  };
  for (const [operation, [name, make]] of product(
    ['tree --root', 'bundle --root'] as const,
    Object.entries(caches),
  )) {
    yield {
      operation,
      name: `ld.so.cache says ${name}`,
      prepare: (place) => writeFileSync(join(place.root, 'etc/ld.so.cache'), make(place)),
    };
  }
}

export const groups = {
  links: linkAttempts,
  'special files': specialAttempts,
  names: nameAttempts,
  manifests: manifestAttempts,
  notes: noteAttempts,
  caches: cacheAttempts,
} as const;

function everyPath(): [OperationName, string][] {
  return Object.entries(operations).flatMap(([name, {paths}]) =>
    paths.map((path): [OperationName, string] => [name as OperationName, path]),
  );
}

/** Replace what is at a path; missing directories are made. */
function replace(root: string, path: string, make: (to: string) => void): void {
  const to = join(root, path);
  if (lstatSync(to, {throwIfNoEntry: false}) !== undefined) renameSync(to, join(root, `was-${basename(to)}`));
  else mkdirSync(dirname(to), {recursive: true});
  make(to);
}

function once({parent}: Place, name: string, make: (path: string) => void): string {
  const path = join(parent, 'machine', name);
  if (!existsSync(path)) make(path);
  return path;
}

/** Undefined when the planner refuses: then there is no such file either. */
function editIfPossible(bytes: Uint8Array, request: EditRequest): Buffer | undefined {
  try {
    return edit(bytes, request);
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

function withFile(manifest: Json, change: object): unknown {
  return {...manifest, files: manifest.files.map((file, i) => (i === 0 ? {...file, ...change} : file))};
}

function withoutSecret(file: string): string {
  return readFileSync(file, 'utf8').replace(secret, '');
}

function privateFile(place: Place): string {
  return once(place, 'shadow', (path) => writeFileSync(path, `private${secret}`, {mode: 0o600}));
}

function privateProgram(place: Place): string {
  return once(place, 'private', (path) =>
    writeFileSync(path, Buffer.concat([readFileSync('/bin/true'), Buffer.from(secret)]), {mode: 0o700}),
  );
}

/** Somebody else's program with its own loader, which would be run to see whether it is isolated. */
function evilProgram(place: Place): string {
  const loader = once(place, 'evil-ld.so', (path) => {
    writeFileSync(path, Buffer.concat([readFileSync('/lib64/ld-linux-x86-64.so.2'), Buffer.from(secret)]), {
      mode: 0o777,
    });
    output('chown', ['12345:12345', path]);
  });
  return once(place, 'evil', (path) => {
    writeFileSync(path, edit(readFileSync('/bin/true'), {interpreter: loader}), {mode: 0o755});
    output('chown', ['12345:12345', path]);
  });
}

function* product<A, B>(
  a: Iterable<A>,
  b: readonly B[],
): Generator<A extends readonly [infer X, infer Y] ? [X, Y, B] : [A, B]> {
  for (const x of a) for (const y of b) yield (Array.isArray(x) ? [...x, y] : [x, y]) as never;
}
