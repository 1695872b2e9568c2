/* The commands in user namespaces that each have their own table; for the machine's table, only refusals are tested. */
import {copyFileSync, existsSync, symlinkSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {guestRoot} from '../chroot/guest-root.js';
import {elfinterp, program} from '../helpers/cli.js';
import {ownCache} from '../helpers/own-cache.js';
import {defineElfinterp, inNamespace} from '../helpers/private-table.js';
import {tempDirectory} from '../helpers/temp.js';
import {pathOf, withTools} from '../helpers/tools.js';

test('an emulator is registered, listed, shown, switched and unregistered', (t) => {
  const {stdout, stderr} = inNamespace(`
    elfinterp binfmt register /opt/qemu-riscv64
    elfinterp binfmt register /opt/other --target arm --name mine --flags ''
    elfinterp binfmt disable mine
    elfinterp binfmt list
    elfinterp binfmt enable mine
    elfinterp binfmt unregister qemu-riscv64
    elfinterp binfmt list
    elfinterp binfmt show mine`);
  t.is(stderr, '');
  t.deepEqual(stdout.split('\n').slice(0, 8), [
    'qemu-riscv64  /opt/qemu-riscv64',
    'mine  /opt/other',
    'mine  disabled  -  /opt/other  arm',
    'qemu-riscv64  enabled  P  /opt/qemu-riscv64  riscv64',
    'mine  enabled  -  /opt/other  arm',
    'mine: enabled',
    '  interpreter  /opt/other',
    '  offset       0',
  ]);
});

test('what is exported can be registered as it is', (t) => {
  const {stdout} = inNamespace(`
    line=$(elfinterp binfmt register /opt/qemu-mipsel --export binfmt.d)
    printf '%s' "$line" >/proc/sys/fs/binfmt_misc/register
    [ "$(elfinterp binfmt show qemu-mipsel --export binfmt.d)" = "$line" ] && echo same`);
  t.is(stdout, 'same\n');
});

test('the format of update-binfmts', (t) => {
  const {stdout} = elfinterp([
    'binfmt',
    'register',
    '/opt/qemu-arm',
    '--flags',
    'PF',
    '--export',
    'update-binfmts',
  ]);
  t.deepEqual(stdout.split('\n'), [
    'package elfinterp',
    'interpreter /opt/qemu-arm',
    `magic ${'\\x7f\\x45\\x4c\\x46\\x01\\x01\\x01'}${'\\x00'.repeat(9)}\\x02\\x00\\x28\\x00`,
    `mask ${'\\xff'.repeat(7)}\\x00${'\\xff'.repeat(8)}\\xfe\\xff\\xff\\xff`,
    'credentials no',
    'preserve yes',
    'fix_binary yes',
    '',
  ]);
});

test('a relative path is one of this machine, or refused', (t) => {
  const register = (name: string) => elfinterp(['binfmt', 'register', name, '--export', 'binfmt.d']);
  const there = path.relative('.', path.join(tempDirectory(t), 'qemu-arm'));
  writeFileSync(there, '');
  t.regex(register(there).stdout, new RegExp(`:${path.resolve(there)}:P$`, 'm'));
  const {status, stdout, stderr} = register('./none/qemu-arm');
  t.deepEqual([status, stdout], [1, '']);
  t.regex(stderr, /the path of the interpreter is relative \(.*got \.\/none\/qemu-arm\)/);
});

test("this machine's own programs are never caught, in no table", (t) => {
  const {status, stderr} = inNamespace(
    'elfinterp binfmt register /opt/qemu-x86_64; elfinterp binfmt register /opt/qemu-i386',
  );
  t.is(status, 1);
  t.is(stderr.match(/would catch this machine's own programs/g)?.length, 2);
});

test('an entry that is not there is reported, and the others are still changed', (t) => {
  const {status, stdout, stderr} = inNamespace(
    'elfinterp binfmt register /opt/qemu-arm >/dev/null; elfinterp binfmt unregister none qemu-arm; s=$?; elfinterp binfmt list; exit $s',
  );
  t.deepEqual([status, stdout], [1, '']);
  t.regex(stderr, /none: no such entry/);
});

test('with flag F a shared emulator is made one file, and a static one stays where it is', (t) => {
  const {status, stdout, stderr} = inNamespace(
    `elfinterp binfmt register ${pathOf('qemu-arm')} --flags F; elfinterp binfmt register /opt/qemu-s390x --flags P`,
  );
  t.deepEqual([status, stderr], [0, '']);
  t.regex(stdout, new RegExp(`^qemu-arm  ${ownCache}/[0-9a-f]{40}/qemu-arm\nqemu-s390x  /opt/qemu-s390x\n$`));
});

test('the state of the table tells whose it is', (t) => {
  const state = JSON.parse(inNamespace('elfinterp binfmt status --json').stdout) as Record<string, unknown>;
  t.deepEqual(
    {...state, kernel: ''},
    {
      mountPoint: '/proc/sys/fs/binfmt_misc',
      hostWide: false,
      enabled: true,
      entries: 0,
      kernel: '',
      privateTables: true,
    },
  );
});

test("the machine's own table is not changed without --global", (t) => {
  const {status, stderr} = elfinterp(['binfmt', 'register', '/opt/qemu-arm']);
  t.is(status, 1);
  t.regex(stderr, /or --global|is not mounted/);
  t.false(existsSync('/proc/sys/fs/binfmt_misc/qemu-arm') && stderr === '');
});

test(
  'chroot run --global makes no table of its own, and uses the one outside',
  withTools((t) => {
    const root = guestRoot(t);
    elfinterp(['chroot', 'install', root]);
    const before = inNamespace(`elfinterp chroot run --global ${root} -- /bin/sh`);
    t.regex(before.stderr, /no enabled entry of binfmt_misc outside is/);
    const {stdout, status} = inNamespace(
      `elfinterp binfmt register --chroot ${root} && elfinterp chroot run --global ${root} -- /bin/sh`,
    );
    t.is(status, 0);
    t.regex(stdout, /^qemu-arm {2}\/debootstrap\/qemu-arm\nhello from ARM/);
  }),
);

test('a new table takes over what it hides', (t) => {
  const inner = [
    'mount -t tmpfs tmpfs /mnt; mkdir /mnt/table; mount -t binfmt_misc binfmt_misc /mnt/table',
    'elfinterp binfmt register /opt/qemu-arm --table /mnt/table --inherit',
    'elfinterp binfmt list --table /mnt/table',
  ].join('; ');
  const {stdout, stderr} = inNamespace(`
    elfinterp binfmt register /opt/other/qemu-arm
    elfinterp binfmt register /opt/qemu-mips
    printf '%s' ':opened:E::opened::/opt/gone:' >/proc/sys/fs/binfmt_misc/register
    elfinterp binfmt disable opened
    unshare -Urm sh -c '${defineElfinterp}; ${inner}'`);
  t.is(stderr, '');
  t.deepEqual(stdout.trim().split('\n').slice(2), [
    'qemu-arm  /opt/qemu-arm',
    'qemu-arm  enabled  P  /opt/qemu-arm  arm',
    'qemu-mips  enabled  P  /opt/qemu-mips  mips',
  ]);
});

test('wrong command lines', (t) => {
  t.is(elfinterp(['binfmt', 'register', '/opt/qemu-arm', '--inherit']).status, 2);
  t.is(elfinterp(['binfmt', 'register']).status, 2);
  t.is(elfinterp(['binfmt', 'register', '/opt/x', '--chroot', '/']).status, 2);
  t.regex(
    elfinterp(['binfmt', 'register', '/opt/x', '--export', 'binfmt.d']).stderr,
    /cannot determine the target/,
  );
});

test('what the table holds, as data', (t) => {
  const {stdout, stderr} = inNamespace(`
    elfinterp binfmt register /opt/qemu-riscv64 >/dev/null
    elfinterp binfmt list --json
    elfinterp binfmt show qemu-riscv64 --json
    elfinterp binfmt status --json`);
  t.is(stderr, '');
  const [list, shown, status] = stdout.split(/^(?=\[)|(?<=^\]\n)/m).map((text) => JSON.parse(text));
  t.like(list[0], {
    name: 'qemu-riscv64',
    enabled: true,
    flags: 'P',
    target: 'riscv64',
    interpreter: '/opt/qemu-riscv64',
  });
  t.like(shown[0], {name: 'qemu-riscv64', enabled: true});
  t.like(status, {
    mountPoint: '/proc/sys/fs/binfmt_misc',
    hostWide: false,
    enabled: true,
    entries: 1,
    privateTables: true,
  });
});

test('the status of a table in words, and of none', (t) => {
  const {stdout} = inNamespace('elfinterp binfmt register /opt/qemu-arm >/dev/null; elfinterp binfmt status');
  t.regex(
    stdout,
    /^\/proc\/sys\/fs\/binfmt_misc: the table of a user namespace, enabled, 1 entry\nLinux \S+ gives each/,
  );
  t.regex(elfinterp(['binfmt', 'status', '--table', '/nowhere']).stdout, /^binfmt_misc is not mounted\n/);
});

test('show goes on after an entry that is not there', (t) => {
  const {status, stdout, stderr} = inNamespace(
    'elfinterp binfmt register /opt/qemu-arm >/dev/null; elfinterp binfmt show none qemu-arm',
  );
  t.is(status, 1);
  t.regex(stdout, /^qemu-arm: enabled\n {2}interpreter {2}\/opt\/qemu-arm\n/);
  t.regex(stderr, /^elfinterp: \/proc\/sys\/fs\/binfmt_misc\/none: no such entry$/m);
});

test('a table is the same with a slash at its end, by a relative path or by a link', (t) => {
  const table = '/proc/sys/fs/binfmt_misc';
  const link = path.join(tempDirectory(t), 'link');
  symlinkSync(table, link);
  for (const one of [`${table}/`, 'fs/binfmt_misc', link]) {
    const status = `cd /proc/sys && elfinterp binfmt status --table ${one}`;
    t.regex(inNamespace(status).stdout, /^\/proc\/sys\/fs\/binfmt_misc: the table of a user namespace/, one);
  }
  const inner = [
    'mount -t tmpfs tmpfs /mnt; mkdir /mnt/table; mount -t binfmt_misc binfmt_misc /mnt/table',
    'elfinterp binfmt register /opt/qemu-arm --table /mnt/table/ --inherit',
    'elfinterp binfmt list --table /mnt/table',
  ].join('; ');
  const {stdout, stderr} = inNamespace(`
    elfinterp binfmt register /opt/qemu-mips
    unshare -Urm sh -c '${defineElfinterp}; ${inner}'`);
  t.is(stderr, '');
  t.regex(stdout, /\nqemu-mips {2}enabled {2}P {2}\/opt\/qemu-mips {2}mips\n$/);
});

test(
  'two architectures that have one emulator are one entry, and two emulators for one target are refused',
  withTools((t) => {
    const once = elfinterp([
      'binfmt',
      'run',
      'armel',
      'armhf',
      'arm',
      '--',
      process.execPath,
      program,
      'binfmt',
      'list',
    ]);
    t.is(once.stderr, '');
    t.regex(once.stdout, /^qemu-arm {2}enabled {2}PF {2}\S+ {2}arm$/m);
    const copy = path.join(tempDirectory(t), 'qemu-arm');
    copyFileSync(pathOf('qemu-arm'), copy);
    const two = elfinterp(['binfmt', 'run', 'armel', copy, '--', 'true']);
    t.is(two.status, 1);
    t.regex(two.stderr, /two emulators for arm, and only one can be used/);
  }),
);
