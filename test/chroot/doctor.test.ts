/*
 * Chroots broken on purpose, one cause each: doctor names it, and following its advice makes the program run.
 */
import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {diagnose} from '../../src/chroot/doctor/diagnose.js';
import type {Finding, FindingCode} from '../../src/chroot/doctor/finding.js';
import {installEmulator} from '../../src/chroot/install.js';
import {elfinterp, program} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import '../helpers/own-cache.js';
import {inNamespace} from '../helpers/private-table.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, pathOf, withTools} from '../helpers/tools.js';
import {addProgram, greeting, guestRoot} from './guest-root.js';

const onRoot = process.geteuid?.() === 0;

interface Case {
  /** Break a chroot that has a bundle. */
  readonly spoil: (root: string) => void;
  readonly code: FindingCode;
  /** What the finding's evidence must match. */
  readonly evidence: RegExp;
  /** Whether the program still runs, though not as it should. */
  readonly runs?: boolean;
}

const libs = 'debootstrap/qemu-libs';
const qemuArm = pathOf('qemu-arm');

const cases: Readonly<Record<string, Case>> = {
  'a library of the bundle is gone': {
    spoil: (root) => rmSync(join(root, libs, 'libz.so.1')),
    code: 'FILE_MISSING',
    evidence: /libz\.so\.1/,
  },
  'the bundled loader is gone': {
    spoil: (root) => rmSync(join(root, libs, 'ld.so')),
    code: 'FILE_MISSING',
    evidence: /ld\.so/,
  },
  'loader and libc are of different builds': {
    spoil: (root) => {
      const path = join(root, libs, 'libc.so.6');
      const other = readFileSync(path, 'latin1').replace(/GLIBC (\d\.\d+)-[^)]*\) (stable|dev)/, (text) =>
        text.replace(/\d(?=\) )/, (digit) => String((Number(digit) + 1) % 10)),
      );
      writeFileSync(path, other, 'latin1');
    },
    code: 'DIFFERENT_BUILDS',
    evidence: /ld\.so is .*GLIBC.*libc\.so\.6 is .*GLIBC/,
    runs: true,
  },
  'the emulator is not executable': {
    spoil: (root) => chmodSync(join(root, 'debootstrap/qemu-arm'), 0o644),
    code: 'NOT_EXECUTABLE',
    evidence: /mode 644/,
  },
  'the emulator is of another machine': {
    spoil: (root) => copyFileSync(fixture('aarch64/probe-exec').path, join(root, 'debootstrap/qemu-arm')),
    code: 'WRONG_MACHINE',
    evidence: /ELF header/,
  },
  'the emulator looks for its libraries by RUNPATH': {
    spoil: (root) => {
      const path = join(root, 'debootstrap/qemu-arm');
      output('patchelf', ['--remove-rpath', path]);
      output('patchelf', ['--set-rpath', '/debootstrap/qemu-libs', path]);
    },
    code: 'RUNPATH',
    evidence: /RUNPATH \/debootstrap\/qemu-libs/,
  },
  'the bundled loader is not isolated': {
    spoil: (root) => copyFileSync('/lib64/ld-linux-x86-64.so.2', join(root, libs, 'ld.so')),
    code: 'NOT_ISOLATED',
    evidence: /ld\.so/,
    runs: true,
  },
  'the prefix is a link': {
    spoil: (root) => {
      rmSync(join(root, 'debootstrap'), {recursive: true});
      symlinkSync('/etc', join(root, 'debootstrap'));
    },
    code: 'BUNDLE_UNUSABLE',
    evidence: /symbolic link/,
  },
  'the manifest names what it must not': {
    spoil: (root) => {
      const path = join(root, libs, 'manifest.json');
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"/debootstrap/qemu-arm"', '"/etc/passwd"'));
    },
    code: 'BUNDLE_UNUSABLE',
    evidence: /path under \/debootstrap/,
  },
  'a file lies among the libraries that is not of the bundle': {
    spoil: (root) => writeFileSync(join(root, libs, 'libextra.so'), ''),
    code: 'FILE_EXTRA',
    evidence: /libextra\.so/,
    runs: true,
  },
  '/proc is a link to itself': {
    spoil: (root) => {
      rmSync(join(root, 'proc'), {recursive: true});
      symlinkSync('/proc', join(root, 'proc'));
    },
    code: 'PROC_LINK',
    evidence: /\/proc/,
    runs: true,
  },
};

/** Run the remedy, calling elfinterp as the tests do. */
function follow(t: ExecutionContext, {remedy = ''}: Finding): void {
  const command = remedy.replaceAll(/\belfinterp (?=chroot|binfmt)/g, `${process.execPath} ${program} `);
  const {status, stderr} = spawnSync('sh', ['-c', command], {encoding: 'utf8'});
  t.is(status, 0, `${command}: ${stderr}`);
}

const run = (root: string) => elfinterp(['chroot', 'run', root, '--', '/bin/sh']);

for (const [title, {spoil, code, evidence, runs = false}] of Object.entries(cases)) {
  test(
    title,
    withTools(async (t) => {
      const root = guestRoot(t);
      await installEmulator(root);
      t.deepEqual(
        diagnose(root).filter(({severity}) => severity !== 'fine'),
        [],
      );
      spoil(root);
      if (!runs) t.not(run(root).stdout, greeting, 'it does not run');
      const finding = diagnose(root).find((found) => found.code === code);
      t.not(finding?.severity, 'fine');
      t.regex(finding?.evidence ?? '', evidence);
      if (finding === undefined) return;
      follow(t, finding);
      t.deepEqual(
        diagnose(root).filter(({severity}) => severity !== 'fine'),
        [],
      );
      t.is(run(root).stdout, greeting);
    }),
  );
}

test(
  'a program of the chroot lacks its loader',
  withTools(async (t) => {
    const root = guestRoot(t);
    await installEmulator(root);
    addProgram(root, 'armel/probe-pie', '/bin/sh');
    const finding = diagnose(root).find(({code}) => code === 'PROGRAM_INCOMPLETE');
    t.is(finding?.severity, 'broken');
    t.regex(finding?.evidence ?? '', /\/lib\/ld-linux\.so\.3/);
    const packages = '/usr/arm-linux-gnueabi/lib';
    if (!existsSync(packages)) return t.log('not followed: libc6-armel-cross is not installed');
    cpSync(packages, join(root, 'lib'), {recursive: true, filter: (path) => !/\.(a|o)$/.test(path)});
    t.false(diagnose(root).some(({code}) => code === 'PROGRAM_INCOMPLETE'));
    t.is(run(root).status, 0);
  }),
);

test(
  'a program of the chroot is for another machine than the chroot',
  withTools(async (t) => {
    const root = guestRoot(t);
    mkdirSync(join(root, 'var/lib/dpkg'), {recursive: true});
    writeFileSync(join(root, 'var/lib/dpkg/arch'), 'arm64\n');
    await installEmulator(root);
    t.is(run(root).stdout, greeting, 'chroot run goes by the program itself');
    const finding = diagnose(root).find(({code}) => code === 'FOREIGN_PROGRAM');
    t.regex(finding?.what ?? '', /\/bin\/sh is for arm, but the chroot is for arm64/);
    if (finding === undefined) return;
    follow(t, finding);
    t.is(run(root).stdout, greeting);
  }),
);

test('what is no chroot at all', (t) => {
  const {status, stdout} = elfinterp(['doctor', tempDirectory(t)]);
  t.is(status, 1);
  t.regex(
    stdout,
    /^broken: cannot determine the architecture of this directory; it may not be a chroot \[ARCHITECTURE\]\n {2}evidence: /,
  );
});

test('a machine without a chroot, and what is fine, as JSON', (t) => {
  const {stdout} = elfinterp(['doctor', '--json']);
  const findings = JSON.parse(stdout) as Finding[];
  t.true(findings.some(({code, evidence}) => code === 'KERNEL' && evidence.startsWith('Linux ')));
  t.true(findings.every(({severity}) => ['broken', 'doubtful', 'fine'].includes(severity)));
});

/** The findings about this machine, after a script that breaks it in a mount namespace only. */
function findingsAfter(spoil: string): Finding[] {
  const script = `set -e; ${spoil} "$@" || true`;
  const words = ['--map-root-user', '--mount', 'sh', '-c', script, 'sh', process.execPath, program];
  return JSON.parse(output('unshare', [...words, 'doctor', '--json'])) as Finding[];
}

test(
  'in a chroot, no user namespace can be created',
  withTools((t) => {
    const root = tempDirectory(t);
    const findings = findingsAfter(`mount --rbind / ${root}; chroot ${root}`);
    t.like(
      findings.find(({code}) => code === 'USER_NAMESPACES'),
      {severity: 'broken', evidence: 'unshare: unshare failed: Operation not permitted'},
    );
  }),
);

test(
  'a program that is not installed is named with its package',
  withTools((t) => {
    const findings = findingsAfter('mount --bind /dev/null "$(command -v setpriv)";');
    t.like(
      findings.find(({code}) => code === 'TOOLS'),
      {severity: 'broken', evidence: 'setpriv is not in PATH', remedy: 'apt-get install util-linux'},
    );
  }),
);

test(
  'where user namespaces can be created, doctor says so',
  withTools((t) => {
    const {severity} = diagnose().find(({code}) => code === 'USER_NAMESPACES') ?? {};
    t.is(severity, 'fine');
  }),
);

/** The output of a script in a namespace with its own table; the script starts in the table's directory. */
function inTable(script: string): string {
  const {status, stdout, stderr} = inNamespace(`set -e; cd /proc/sys/fs/binfmt_misc; ${script}`);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const magic =
  ':M::\\x7fELF\\x01\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x28\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:';
const enter = (name: string, interpreter: string, flags: string) =>
  `printf '%s' ':${name}${magic}${interpreter}:${flags}' >register`;

interface TableCase {
  readonly entries: readonly string[];
  readonly code: FindingCode;
  readonly evidence: RegExp;
  readonly remedy: (root: string) => string;
}

const tableCases: Readonly<Record<string, TableCase>> = {
  'an entry whose interpreter is not in the chroot': {
    entries: [enter('qemu-arm', '/opt/nowhere/qemu-arm', '')],
    code: 'ENTRY_WITHOUT_INTERPRETER',
    evidence: /qemu-arm: \/opt\/nowhere\/qemu-arm/,
    remedy: (root) =>
      `elfinterp chroot run ${root} does not need the entry; elfinterp binfmt disable qemu-arm disables it`,
  },
  'an entry with flag F and a shared emulator': {
    entries: [enter('qemu-arm', qemuArm, 'F')],
    code: 'ENTRY_F_SHARED',
    evidence: new RegExp(`${qemuArm} asks for /lib64/ld-linux-x86-64\\.so\\.2`),
    remedy: () => 'elfinterp binfmt unregister qemu-arm && elfinterp binfmt register qemu-arm',
  },
};

for (const [title, {entries, code, evidence, remedy}] of Object.entries(tableCases)) {
  test(
    `outside: ${title}`,
    withTools((t) => {
      const root = guestRoot(t);
      const findings = JSON.parse(inTable(`${entries.join('; ')}; elfinterp doctor --json ${root} || true`));
      const finding = (findings as Finding[]).find((found) => found.code === code);
      t.is(finding?.severity, 'doubtful', 'chroot run takes the emulator of this machine');
      t.regex(finding?.evidence ?? '', evidence);
      t.is(finding?.remedy, remedy(root));
      t.is(run(root).stdout, greeting);
    }),
  );
}

test(
  'a shared emulator with flag F starts nowhere else, until it is registered as doctor says',
  withTools((t) => {
    const root = guestRoot(t);
    const doctor = `elfinterp doctor ${root}`;
    const register = enter('qemu-arm', qemuArm, 'F');
    const start = `chroot ${root} /bin/sh 2>&1 || true`;
    const text = inTable(
      `${register}; ${start}; (${doctor} || true) | sed -n 's/^  remedy: *//p' > ${root}/remedy; . ${root}/remedy >/dev/null; ${start}; ${doctor}`,
    );
    t.regex(text, /No such file or directory\n/);
    // A namespace made for the test has only the id of its root.
    const rest =
      'doubtful: programs run with a single user id: dpkg and other programs that change the owner of files fail [SUBORDINATE_IDS]\n  evidence: this user namespace has one id\n';
    t.true(text.endsWith(`${greeting}${rest}`), text);
  }),
);

test(
  'no emulator in the chroot: the one of this machine is named, and where that has none, what to install',
  withTools((t) => {
    const root = guestRoot(t);
    const found = diagnose(root).find(({code}) => code === 'EMULATOR');
    t.deepEqual([found?.severity, found?.evidence], ['fine', qemuArm]);
    const hide = 'for file in $(which -a qemu-arm); do mount --bind /dev/null $file; done';
    const text = inTable(`${hide}; elfinterp doctor ${root} || elfinterp chroot run ${root} 2>&1 || true`);
    t.regex(
      text,
      /there is no emulator for arm: .* \[NO_EMULATOR\]\n {2}evidence: none in the chroot, none in PATH\n/,
    );
    t.regex(text, /expected qemu-arm or qemu-arm-static in PATH/);
  }),
);

test(
  'outside: a broken entry before one that works, which disabling it brings back',
  withTools(async (t) => {
    const root = guestRoot(t);
    await installEmulator(root);
    const good = enter('good', '/debootstrap/qemu-arm', 'P');
    const bad = enter('bad', '/opt/nowhere', '');
    const enterChroot = `chroot ${root} /bin/sh 2>&1 || true`;
    const text = inTable(
      `${good}; ${bad}; ${enterChroot}; elfinterp doctor ${root}; elfinterp binfmt disable bad; ${enterChroot}`,
    );
    t.regex(text, /^chroot: .*No such file or directory/);
    t.regex(text, /doubtful: a broken entry precedes a working one \(good\) \[ENTRY_SHADOWS\]/);
    t.regex(text, /remedy: {3}elfinterp binfmt disable bad\n/);
    t.true(text.endsWith(greeting), text);
  }),
);

test(
  'outside: an interpreter that is caught by an entry itself',
  withTools((t) => {
    const root = guestRoot(t);
    const emulator = join(root, 'bin/emulator');
    addProgram(root, 'armel/hello-static', '/bin/emulator');
    const loop = enter('loop', emulator, '');
    const text = inTable(`${loop}; elfinterp doctor ${root} || true; ${emulator} 2>&1 || true`);
    t.regex(text, /"Too many levels of symbolic links" \[ENTRY_LOOP\]/);
    t.regex(text, /\/bin\/emulator: Too many levels of symbolic links\n$/);
    const remedy = /remedy: {3}(elfinterp binfmt unregister .*)/.exec(text)?.[1];
    const works = enter('works', qemuArm, 'P');
    t.regex(inTable(`${works}; ${loop}; ${remedy}; ${emulator}`), /^hello from ARM/);
  }),
);

test(
  'a namespace with an empty table of its own is told from one that has none',
  withTools((t) => {
    t.regex(inTable('elfinterp doctor || true'), /\[TABLE_HIDES\]/);
    t.notRegex(output('unshare', ['-Ur', process.execPath, program, 'doctor', '--all']), /TABLE_HIDES/);
  }),
);

test(
  'outside: a table that hides the one with the emulator, until it is registered there as well',
  withTools(async (t) => {
    const root = guestRoot(t);
    await installEmulator(root);
    const text = inTable(`elfinterp doctor ${root}; chroot ${root} /bin/sh 2>&1 || true`);
    t.regex(text, /Exec format error\n$/);
    const remedy = /\[TABLE_HIDES\]\n.*\n {2}remedy: {3}(elfinterp .*) \(unmounting/.exec(text)?.[1];
    t.true(inTable(`${remedy}; chroot ${root} /bin/sh`).endsWith(greeting), remedy);
  }),
);

(onRoot ? test : test.skip)(
  'a mount with noexec',
  withTools(async (t) => {
    const root = guestRoot(t);
    await installEmulator(root);
    const script = `mount --bind ${root} ${root}; mount -o remount,bind,noexec,nodev ${root}; elfinterp doctor ${root} || true`;
    const text = inTable(script);
    t.regex(text, /cannot be executed \(noexec\): "Permission denied" \[NOEXEC\]/);
    const remedy = /remedy: {3}(mount -o remount,bind,exec .*)/.exec(text)?.[1];
    const again = inTable(
      `mount --bind ${root} ${root}; mount -o remount,bind,noexec ${root}; ${remedy}; elfinterp doctor ${root}`,
    );
    t.notRegex(again, /NOEXEC/);
  }),
);

test(
  'a second stage that is not done is told',
  withTools((t) => {
    const root = guestRoot(t);
    mkdirSync(join(root, 'debootstrap'), {recursive: true});
    mkdirSync(join(root, 'etc/apt'), {recursive: true});
    t.false(diagnose(root).some(({code}) => code === 'SECOND_STAGE'));
    for (const name of ['debootstrap/debootstrap', 'etc/apt/sources.list'])
      writeFileSync(join(root, name), '');
    const found = diagnose(root).find(({code}) => code === 'SECOND_STAGE');
    t.is(found?.severity, 'doubtful');
    t.is(found?.remedy, `elfinterp chroot create --resume ${root}`);
  }),
);

test('a prefix without a bundle is said to have none, and no file to have changed', (t) => {
  const root = tempDirectory(t);
  const [finding] = diagnose(root, {prefix: '/opt/none'}).filter(({code}) => code === 'BUNDLE_UNUSABLE');
  t.is(finding?.what, 'there is no bundle under the prefix that was given');
  t.is(finding?.remedy, `elfinterp chroot install ${root} --prefix /opt/none, or another --prefix`);
});

test('root of a user namespace with one id is told so, and nothing is created with it', (t) => {
  const asRoot = (...args: string[]) =>
    spawnSync('unshare', ['-Ur', process.execPath, program, ...args], {encoding: 'utf8'});
  const found = JSON.parse(asRoot('doctor', '--json').stdout) as Finding[];
  const finding = found.find(({code}) => code === 'SUBORDINATE_IDS');
  t.is(finding?.severity, 'doubtful');
  t.is(finding?.evidence, 'this user namespace has one id');
  const target = join(tempDirectory(t), 'new');
  const {status, stderr} = asRoot('chroot', 'create', 'bookworm', target, '--arch', 'arm64');
  t.is(status, 1);
  t.regex(stderr, /cannot be installed with a single user id .*got root of a user namespace with one id/);
  t.false(existsSync(target));
});

test('without /proc that is what is said', (t) => {
  const root = tempDirectory(t);
  for (const words of [
    ['doctor'],
    ['doctor', root],
    ['chroot', 'run', root, '--', '/bin/sh'],
    ['chroot', 'create', 'bookworm', join(root, 'new'), '--arch', 'arm64'],
    ['binfmt', 'run', 'arm64', '--', 'true'],
  ]) {
    const command = ['-Urm', 'sh', '-c', 'mount -t tmpfs tmpfs /proc && exec "$@"', 'sh'];
    const {status, stderr} = spawnSync('unshare', [...command, process.execPath, program, ...words], {
      encoding: 'utf8',
    });
    t.is(status, 1);
    t.regex(
      stderr,
      /^elfinterp: cannot [a-z ]+ without \/proc \(expected the proc file system, mounted on \/proc\)\n$/,
    );
  }
});

test(
  'a table that is switched off, and a run that relies on an entry which is not there, are said to be that',
  withTools((t) => {
    const root = guestRoot(t);
    const {stdout, stderr} = inNamespace(`
      elfinterp chroot run --global ${root} -- /bin/sh
      elfinterp binfmt register qemu-arm >/dev/null
      echo 0 >/proc/sys/fs/binfmt_misc/status
      elfinterp binfmt register qemu-aarch64
      elfinterp binfmt register /opt/qemu-mips --test
      elfinterp doctor ${root}
      elfinterp binfmt list | cut -d ' ' -f 1`);
    const disabled = '/proc/sys/fs/binfmt_misc: binfmt_misc is disabled, so no entry can be tested';
    const remedy = 'echo 1 >/proc/sys/fs/binfmt_misc/status';
    t.deepEqual(stderr.split('\n').slice(0, 3), [
      'elfinterp: /bin/sh: the program is for arm, and no enabled entry of binfmt_misc outside is (expected elfinterp binfmt register qemu-arm --global, or a run that does not rely on it, got no entry)',
      ...Array.from({length: 2}, () => `elfinterp: ${disabled} (expected ${remedy})`),
    ]);
    t.regex(stdout, new RegExp(`is disabled[^]*\\[TABLE\\]\\n[^]*remedy: +${remedy}\\n`));
    t.notRegex(stdout, /ENTRY_/);
    t.regex(stdout, /qemu-arm\n$/);
  }),
);
