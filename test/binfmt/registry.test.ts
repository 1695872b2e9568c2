/* Tests against the kernel, in user namespaces that each have their own table. */
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {readdirSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {formatRegistration, type Registration} from '../../src/binfmt/registration.js';
import {readEntry, readTable, register, setEnabled, unregister} from '../../src/binfmt/registry.js';
import {qemuTargets} from '../../src/binfmt/targets.js';
import {ElfError} from '../../src/errors.js';
import {tempDirectory} from '../helpers/temp.js';

interface PrivateTable {
  readonly holder: ChildProcess;
  readonly mountPoint: string;
  /** A directory on a mount with noexec, holding an executable file `program`. */
  readonly noexec: string;
}

const setup = `
set -e
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
mount -t tmpfs -o noexec tmpfs /mnt
cp /bin/true /mnt/program
echo ready
read word || exit 0
`;

/** Without --map-root-user, its root is nobody here, and nobody may write the table. */
async function openTable(t: ExecutionContext, ...flags: readonly string[]): Promise<PrivateTable> {
  const holder = spawn('unshare', ['--user', '--mount', '--map-root-user', ...flags, 'sh', '-c', setup], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  const root = `/proc/${holder.pid}/root`;
  return {holder, mountPoint: `${root}/proc/sys/fs/binfmt_misc`, noexec: `${root}/mnt`};
}

const byExtension = (changes: Partial<Registration> = {}): Registration => ({
  name: 'test',
  match: {type: 'extension', extension: 'elfinterp-test'},
  interpreter: '/bin/true',
  flags: '',
  ...changes,
});

test('every target of the table is registered and read back as it was meant', async (t) => {
  const {mountPoint} = await openTable(t);
  for (const {name, magic, mask} of qemuTargets) {
    const registration: Registration = {
      name: `elfinterp-${name}`,
      match: {type: 'magic', offset: 0, magic, mask},
      interpreter: `/debootstrap/qemu-${name}`,
      flags: 'P',
    };
    register(mountPoint, registration);
    t.deepEqual(readEntry(mountPoint, registration.name), {enabled: true, registration});
    unregister(mountPoint, registration.name);
  }
  t.deepEqual(readTable(mountPoint), {enabled: true, entries: []});
});

test('entries by extension and with an offset are read back as they were meant', async (t) => {
  const {mountPoint} = await openTable(t);
  const magic = {type: 'magic', offset: 9, magic: new Uint8Array([0, 255, 0x5c]), mask: undefined} as const;
  const entries = [byExtension({name: 'a', flags: 'POCF'}), byExtension({name: 'b', match: magic})];
  for (const entry of entries) register(mountPoint, entry);
  t.deepEqual(
    readTable(mountPoint).entries,
    [...entries].reverse().map((registration) => ({enabled: true, registration})),
  );
});

test('an entry is switched off and on', async (t) => {
  const {mountPoint} = await openTable(t);
  register(mountPoint, byExtension());
  setEnabled(mountPoint, 'test', false);
  t.false(readEntry(mountPoint, 'test').enabled);
  setEnabled(mountPoint, 'test', true);
  t.true(readEntry(mountPoint, 'test').enabled);
});

test('a registration of 1,920 bytes is accepted', async (t) => {
  const {mountPoint} = await openTable(t);
  const rest = formatRegistration(byExtension({interpreter: '/'})).length;
  const registration = byExtension({interpreter: `/${'x'.repeat(1920 - rest)}`});
  t.is(formatRegistration(registration).length, 1920);
  register(mountPoint, registration);
  t.is(readEntry(mountPoint, 'test').registration.interpreter, registration.interpreter);
});

test('a name that is taken is a conflict', async (t) => {
  const {mountPoint} = await openTable(t);
  register(mountPoint, byExtension());
  const error = t.throws(() => register(mountPoint, byExtension()), {instanceOf: ElfError});
  t.is(error.code, 'CONFLICT');
  t.regex(error.message, /'test': the name is already in use/);
});

test('flag F wants the interpreter now', async (t) => {
  const {mountPoint} = await openTable(t);
  const error = t.throws(() => register(mountPoint, byExtension({flags: 'F', interpreter: '/no/such'})), {
    instanceOf: ElfError,
  });
  t.is(error.code, 'NOT_FOUND');
  t.regex(
    error.message,
    /^\/no\/such: .*flag F opens the interpreter at registration, but it does not exist/,
  );
});

test('flag F wants an interpreter that may be executed', async (t) => {
  const {mountPoint, noexec} = await openTable(t);
  for (const interpreter of ['/etc/passwd', '/etc', `${noexec}/program`]) {
    t.throws(() => register(mountPoint, byExtension({flags: 'F', interpreter})), {
      instanceOf: ElfError,
      message: /it is not executable \(expected an executable file on a mount without noexec\)/,
    });
  }
});

test('without F, nobody looks at the interpreter', async (t) => {
  const {mountPoint} = await openTable(t);
  t.notThrows(() => register(mountPoint, byExtension({interpreter: '/no/such'})));
});

test('a flag that the kernel does not know is said to be the reason', async (t) => {
  const {mountPoint} = await openTable(t);
  t.throws(() => register(mountPoint, byExtension({flags: 'Z'})), {
    instanceOf: ElfError,
    message: /the kernel refused it \(expected flags that Linux knows, such as P, O, C, F, got Z\)/,
  });
});

test('a directory that is not binfmt_misc is said to be none', (t) => {
  for (const action of [() => readTable('/tmp'), () => register('/tmp', byExtension())]) {
    const error = t.throws(action, {instanceOf: ElfError});
    t.is(error.message, '/tmp: binfmt_misc is not mounted here');
    t.is(error.code, 'NOT_FOUND');
  }
});

test('an entry that goes away while the table is read does not keep the others from being read', (t) => {
  const table = tempDirectory(t);
  writeFileSync(join(table, 'status'), 'enabled\n');
  writeFileSync(join(table, 'stays'), 'enabled\ninterpreter /bin/x\nflags: \nextension .x\n');
  // It is listed, but can no longer be opened.
  symlinkSync('nothing', join(table, 'goes'));
  t.deepEqual(
    readTable(table).entries.map(({registration}) => registration.name),
    ['stays'],
  );
});

test('an entry that is not there is said to be missing', async (t) => {
  const {mountPoint} = await openTable(t);
  for (const action of [() => readEntry(mountPoint, 'none'), () => unregister(mountPoint, 'none')]) {
    t.throws(action, {instanceOf: ElfError, message: /none: no such entry/});
  }
});

test('a name cannot lead out of the mount', async (t) => {
  const {mountPoint} = await openTable(t);
  for (const name of ['../../../tmp/x', '..', 'status']) {
    t.throws(() => unregister(mountPoint, name), {instanceOf: ElfError, code: 'BAD_REQUEST'});
  }
});

test('another namespace does not see the entries', async (t) => {
  const [one, other] = [await openTable(t), await openTable(t)];
  register(one.mountPoint, byExtension());
  t.deepEqual(readdirSync(other.mountPoint).sort(), ['register', 'status']);
});
