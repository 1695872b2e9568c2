import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {basename, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {installEmulator} from '../../src/chroot/install.js';
import {removeBundle} from '../../src/chroot/remove.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import {ElfError} from '../../src/errors.js';
import {elfinterp, program} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import '../helpers/own-cache.js';
import {withPatchedFs} from '../helpers/patched-fs.js';
import {place} from '../helpers/place.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, pathOf, run, withTools} from '../helpers/tools.js';
import {addProgram, greeting, guestRoot} from './guest-root.js';

/** Every path below a directory. */
function tree(root: string): string[] {
  return readdirSync(root, {recursive: true, encoding: 'utf8'}).sort();
}

async function refused(t: ExecutionContext, work: () => unknown, code: string, message = /./): Promise<void> {
  const error = await t.throwsAsync(async () => work(), {instanceOf: ElfError, message});
  t.true(error instanceof ElfError && error.code === code, String(error));
}

const runs = (root: string) => elfinterp(['chroot', 'run', root, '--', '/bin/sh']);

test(
  'the emulator is found by the ELF header of /bin/sh, and runs it',
  withTools(async (t) => {
    const root = guestRoot(t);
    const {architecture, emulators, bundle} = await installEmulator(root);
    t.is(architecture.name, 'armel');
    t.is(architecture.evidence, '/bin/sh');
    t.deepEqual(
      emulators.map((path) => basename(path)),
      ['qemu-arm'],
    );
    t.is(bundle?.manifest.prefix, '/debootstrap');
    const {status, stdout, stderr} = runs(root);
    t.deepEqual({status, stdout, stderr}, {status: 0, stdout: greeting, stderr: ''});
  }),
);

for (const [evidence, path, text] of [
  ["dpkg's list of architectures", 'var/lib/dpkg/arch', 'arm64\namd64\n'],
  [
    "dpkg's own package",
    'var/lib/dpkg/status',
    'Package: apt\nArchitecture: amd64\n\nPackage: dpkg\nStatus: install ok installed\nArchitecture: arm64\n',
  ],
  ["debootstrap's note", 'debootstrap/arch', 'arm64\n'],
] as const) {
  test(
    `the architecture is found in ${evidence}`,
    withTools(async (t) => {
      const root = guestRoot(t);
      mkdirSync(join(root, path, '..'), {recursive: true});
      writeFileSync(join(root, path), text);
      const {architecture, emulators} = await installEmulator(root);
      t.deepEqual([architecture.name, architecture.evidence], ['arm64', `/${path}`]);
      t.deepEqual(
        emulators.map((file) => basename(file)),
        ['qemu-aarch64'],
      );
    }),
  );
}

test(
  'a note that is a link out of the chroot is not believed',
  withTools(async (t) => {
    const root = guestRoot(t);
    mkdirSync(join(root, 'var/lib/dpkg'), {recursive: true});
    const outside = join(tempDirectory(t), 'arch');
    writeFileSync(outside, 'arm64\n');
    symlinkSync(outside, join(root, 'var/lib/dpkg/arch'));
    t.is((await installEmulator(root)).architecture.name, 'armel');
  }),
);

test(
  'nothing is bundled where this machine runs the programs itself, or the chroot has an emulator of its own',
  withTools(async (t) => {
    const root = guestRoot(t);
    const native = await installEmulator(root, [], {architecture: 'amd64'});
    t.is(native.bundle, undefined);
    t.regex(native.notes.join(), /runs amd64 programs natively/);
    mkdirSync(join(root, 'usr/bin'), {recursive: true});
    copyFileSync(fixture('x86_64/hello-static').path, join(root, 'usr/bin/qemu-arm-static'));
    const {own, bundle, notes} = await installEmulator(root);
    t.is(own, '/usr/bin/qemu-arm-static');
    t.is(bundle, undefined);
    t.regex(notes.join(), /own emulator, \/usr\/bin\/qemu-arm-static/);
  }),
);

test(
  "chroot run uses the chroot's own emulator, with the loader and the libraries that it has there",
  withTools((t) => {
    const root = guestRoot(t);
    const libraries = [...output('ldd', [pathOf('qemu-arm')]).matchAll(/(\/\S+) \(0x/g)].map(
      ([, path = '']) => path,
    );
    for (const path of libraries) {
      mkdirSync(join(root, path, '..'), {recursive: true});
      copyFileSync(path, join(root, path));
    }
    mkdirSync(join(root, 'usr/bin'), {recursive: true});
    copyFileSync(pathOf('qemu-arm'), join(root, 'usr/bin/qemu-arm'));
    const {status, stdout, stderr} = runs(root);
    t.deepEqual({status, stdout, stderr}, {status: 0, stdout: greeting, stderr: ''});
    rmSync(join(root, libraries.find((path) => path.endsWith('/libc.so.6')) ?? ''));
    t.is(runs(root).stdout, greeting, 'then the one of this machine is taken');
  }),
);

test(
  'an emulator whose name does not tell is for the architecture of the chroot, also when it is installed again',
  withTools(async (t) => {
    const root = guestRoot(t);
    const directory = tempDirectory(t);
    chmodSync(directory, 0o755);
    const emulator = join(directory, 'my-emulator');
    copyFileSync(pathOf('qemu-arm'), emulator);
    chmodSync(emulator, 0o755);
    await installEmulator(root, [emulator]);
    t.is(runs(root).stdout, greeting);
    await installEmulator(root, [pathOf('qemu-aarch64')]);
    t.is(runs(root).stdout, greeting);
  }),
);

test(
  'an emulator takes the place of another one for the same target, and shares the libraries of one for another',
  withTools(async (t) => {
    const root = guestRoot(t);
    const other = join(tempDirectory(t), 'qemu-arm-static');
    copyFileSync(pathOf('qemu-arm'), other);
    await installEmulator(root, [pathOf('qemu-arm'), pathOf('qemu-aarch64')]);
    const {bundle} = await installEmulator(root, [other]);
    t.deepEqual(bundle?.manifest.programs.map(({path}) => path).sort(), [
      '/debootstrap/qemu-aarch64',
      '/debootstrap/qemu-arm-static',
    ]);
    t.false(existsSync(join(root, 'debootstrap/qemu-arm')));
    t.deepEqual(verifyBundle(root).problems, []);
  }),
);

test(
  'the wrapper variant runs with a static shell, and without flag P',
  withTools(async (t) => {
    const root = guestRoot(t);
    const shell = fixture('x86_64/hello-static').path;
    const {bundle} = await installEmulator(root, [], {launcher: 'wrapper', shell});
    t.deepEqual(bundle?.manifest.programs, [
      {
        path: '/debootstrap/qemu-arm',
        interpreter: '/debootstrap/qemu-libs/sh',
        qemuTarget: 'arm',
        wraps: '/debootstrap/qemu-libs/qemu-arm',
      },
    ]);
    t.deepEqual(verifyBundle(root).problems, []);
    t.true(
      readFileSync(join(root, 'debootstrap/qemu-libs/qemu-arm')).equals(readFileSync(pathOf('qemu-arm'))),
    );
    // This "shell" only says what it was started with: the path of the script, once.
    t.regex(runs(root).stdout, /argv\[0\]=\/debootstrap\/qemu-libs\/sh/);
    await refused(
      t,
      () => installEmulator(root, [], {launcher: 'wrapper', shell: '/bin/sh'}),
      'BAD_REQUEST',
      /a static program for x86_64/,
    );
    await refused(t, () => installEmulator(root, [], {launcher: 'wrapper'}), 'BAD_REQUEST');
    await refused(
      t,
      () => installEmulator(root, [], {launcher: 'wrapper', shell, prefix: '/with space'}),
      'BAD_REQUEST',
      /a wrapper cannot be made for this path/,
    );
  }),
);

test(
  'removing leaves the chroot as it was',
  withTools(async (t) => {
    const root = guestRoot(t);
    const before = tree(root);
    await installEmulator(root);
    removeBundle(root);
    t.deepEqual(tree(root), before);
    await refused(t, () => removeBundle(root), 'NOT_FOUND');
  }),
);

test(
  'removing takes the directories of data away that the bundle made, and says which others stay',
  withTools(async (t) => {
    const root = guestRoot(t);
    const before = tree(root);
    const install = () =>
      bundle(['/bin/true'], {...place, into: root, files: [{source: '/etc/hostname', target: 'share/a/b/'}]});
    await install();
    t.deepEqual(removeBundle(root).notes, []);
    t.deepEqual(tree(root), before);
    await install();
    writeFileSync(join(root, 'debootstrap/share/a/mine'), '');
    t.deepEqual(removeBundle(root).notes, ['/debootstrap/share/a/ is kept: mine is not part of the bundle']);
    t.false(existsSync(join(root, 'debootstrap/share/a/b')));
  }),
);

test(
  'removing leaves what others put there, and says so',
  withTools(async (t) => {
    const root = guestRoot(t);
    await installEmulator(root);
    writeFileSync(join(root, 'debootstrap/debootstrap.log'), 'mine');
    const {notes} = removeBundle(root);
    t.deepEqual(tree(join(root, 'debootstrap')), ['debootstrap.log']);
    t.regex(notes.join(), /debootstrap\.log is not part of the bundle/);
  }),
);

test(
  'a file that was changed is not removed, and neither are the others, unless by force',
  withTools(async (t) => {
    const root = guestRoot(t);
    await installEmulator(root);
    const changed = join(root, 'debootstrap/qemu-libs/libc.so.6');
    writeFileSync(changed, 'mine');
    const before = tree(root);
    await refused(
      t,
      () => removeBundle(root),
      'CHANGED',
      /libc\.so\.6: the file was changed after it was installed/,
    );
    t.deepEqual(tree(root), before);
    const failing = () => ({
      renameSync() {
        throw Object.assign(new Error('full'), {code: 'ENOSPC', syscall: 'rename'});
      },
    });
    withPatchedFs(failing, () =>
      t.throws(() => removeBundle(root, {force: true}), {message: /cannot remove the bundle: /}),
    );
    t.deepEqual(tree(root), before);
    removeBundle(root, {force: true});
    t.false(existsSync(join(root, 'debootstrap')));
  }),
);

test(
  'a bundle that is executing is not removed, by force neither',
  withTools(async (t) => {
    const root = guestRoot(t);
    mkdirSync(join(root, 'usr'));
    const source = 'test/chroot/guest.c';
    output('arm-linux-gnueabi-gcc', ['-static', '-o', join(root, 'bin/guest'), source]);
    await installEmulator(root);
    const {spawn} = await import('node:child_process');
    const command = ['build/test/chroot/runner.js', root, '{}', '/bin/guest', 'uname', 'sleep', '600'];
    const child = spawn(process.execPath, command, {stdio: ['ignore', 'pipe', 'inherit']});
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await refused(t, () => removeBundle(root), 'BUSY', /process \d+ .* runs it/);
    await refused(t, () => removeBundle(root, {force: true}), 'BUSY');
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    await new Promise((resolve) => setTimeout(resolve, 500));
    removeBundle(root);
    t.false(existsSync(join(root, 'debootstrap')));
  }),
);

test(
  'verify names each file that is missing, changed or too many, and what is not closed',
  withTools(async (t) => {
    const root = guestRoot(t);
    await installEmulator(root);
    const {problems, isolated} = verifyBundle(root);
    t.deepEqual(problems, []);
    t.true(isolated);
    const libs = join(root, 'debootstrap/qemu-libs');
    rmSync(join(libs, 'libz.so.1'));
    writeFileSync(join(libs, 'libm.so.6'), 'damaged');
    writeFileSync(join(libs, 'libextra.so'), '');
    chmodSync(join(root, 'debootstrap/qemu-arm'), 0o644);
    t.deepEqual(
      verifyBundle(root)
        .problems.map(({code, path}) => `${code} ${basename(path)}`)
        .sort(),
      [
        'CHANGED libm.so.6',
        'CHANGED qemu-arm',
        'EXTRA libextra.so',
        'MISSING libz.so.1',
        'NOT_CLOSED qemu-arm',
      ],
    );
    const {status, stdout} = elfinterp(['chroot', 'verify', root]);
    t.is(status, 1);
    t.regex(stdout, /^\/debootstrap\/qemu-libs\/libz\.so\.1: the file is missing \[MISSING\]$/m);
  }),
);

test(
  'a bundle that is not isolated is told',
  withTools(async (t) => {
    const root = guestRoot(t);
    await installEmulator(root, [], {isolate: false});
    t.false(verifyBundle(root).isolated);
  }),
);

/** What somebody could have done to a chroot to make root do more than intended. */
const traps: Readonly<Record<string, (root: string, outside: string) => void>> = {
  'a manifest that names /etc/passwd': (root) => edit(root, '/debootstrap/qemu-arm', '/etc/passwd'),
  'a manifest that climbs out': (root) => edit(root, '/debootstrap/qemu-arm', '/debootstrap/../../x'),
  'a prefix that is a link to a directory outside': (root, outside) => {
    rmSync(join(root, 'debootstrap'), {recursive: true});
    symlinkSync(outside, join(root, 'debootstrap'));
    symlinkSync('/etc', join(root, 'etc-of-the-machine'));
  },
  'a library directory that is a link out of the chroot': (root, outside) => {
    rmSync(join(root, 'debootstrap/qemu-libs'), {recursive: true});
    symlinkSync(outside, join(root, 'debootstrap/qemu-libs'));
  },
  'a library that is a link out of the chroot': (root, outside) => {
    rmSync(join(root, 'debootstrap/qemu-libs/libc.so.6'));
    symlinkSync(join(outside, 'precious'), join(root, 'debootstrap/qemu-libs/libc.so.6'));
  },
};

function edit(root: string, from: string, to: string): void {
  const path = join(root, 'debootstrap/qemu-libs/manifest.json');
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(`"${from}"`, `"${to}"`));
}

for (const [title, prepare] of Object.entries(traps)) {
  test(
    `nothing outside is touched by ${title}`,
    withTools(async (t) => {
      const root = guestRoot(t);
      await installEmulator(root);
      const outside = tempDirectory(t);
      writeFileSync(join(outside, 'precious'), 'x');
      const before = lstatSync(outside, {bigint: true}).mtimeNs;
      prepare(root, outside);
      for (const command of ['remove', 'run', 'verify', 'install'] as const) {
        const result = elfinterp(['chroot', command, root, ...(command === 'run' ? ['--', '/bin/sh'] : [])]);
        // Programs inside follow links as the kernel does there: into the chroot, where there is nothing.
        const harmless = title.startsWith('a library that') && command !== 'remove';
        if (!harmless) t.is(result.status, 1, `${command}: ${result.stdout}${result.stderr}`);
      }
      t.deepEqual(readdirSync(outside), ['precious']);
      t.is(readFileSync(join(outside, 'precious'), 'utf8'), 'x');
      t.is(lstatSync(outside, {bigint: true}).mtimeNs, before);
      t.true(existsSync('/etc/passwd'));
    }),
  );
}

test(
  'an interrupted installation is cleaned up by remove',
  withTools((t) => {
    const root = guestRoot(t);
    mkdirSync(join(root, '.elfinterp-staging-4194305-x', 'new'), {recursive: true, mode: 0o700});
    t.deepEqual(
      removeBundle(root).removed.map((path) => path.slice(0, 19)),
      ['/.elfinterp-staging'],
    );
    t.false(readdirSync(root).some((name) => name.startsWith('.elfinterp')));
  }),
);

test(
  'two programs for one chroot: one that the machine has no emulator for is refused by name',
  withTools(async (t) => {
    const root = guestRoot(t);
    await refused(
      t,
      () => installEmulator(root, [], {architecture: 'x32'}),
      'UNSUPPORTED',
      /architecture x32/,
    );
    await refused(t, () => installEmulator('/', []), 'BAD_REQUEST');
    const empty = tempDirectory(t);
    await refused(t, () => installEmulator(empty), 'NOT_FOUND', /cannot determine the architecture/);
    addProgram(root, 'aarch64/probe-exec', '/bin/ls');
    t.regex(
      elfinterp(['chroot', 'run', '--global', root, '--', '/bin/ls']).stderr,
      /for aarch64, and no enabled entry of binfmt_misc outside is \(expected elfinterp binfmt register qemu-aarch64 --global,/,
    );
  }),
);

test(
  'an emulator that does not run the programs of the chroot is told',
  withTools(async (t) => {
    const root = guestRoot(t);
    const {notes} = await installEmulator(root, [pathOf('qemu-aarch64')]);
    t.regex(notes.join(), /programs of this chroot \(arm\w*\) need qemu-arm.*, not qemu-aarch64/);
    t.deepEqual((await installEmulator(root, [pathOf('qemu-arm')])).notes, []);
  }),
);

test(
  'a prefix on another mount than the root is refused with the directory that is there, and nothing is left',
  withTools((t) => {
    const root = guestRoot(t);
    mkdirSync(join(root, 'usr'));
    const lines = [
      `mount -t tmpfs tmpfs ${root}/usr`,
      `${process.execPath} ${program} chroot install ${root} --prefix /usr/libexec/elfinterp`,
      `find ${root}/usr`,
    ];
    const {stdout, stderr} = run('unshare', ['-Urm', 'sh', '-c', lines.join('\n')]);
    t.is(
      stderr,
      `elfinterp: ${root}/usr: this directory is on another mount than the root (expected a place on the same file system, not mounted separately)\n`,
    );
    t.is(stdout, `${root}/usr\n`);
    t.false(readdirSync(root).some((name) => name.startsWith('.elfinterp')));
  }),
);
