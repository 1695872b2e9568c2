/*
 * The whole idea on real input: a shared qemu-arm gets another interpreter, is bundled with its libraries into a chroot
 * that has only ARM files, and runs an ARM program there. Each step is the command that a user would type, with its
 * output; the last steps show the ARM program's output and prove which files were opened.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import {homedir, tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {openElfSync} from '../dist/index.js';
import {fail, findOnPath, machineOfFile, run, say, show} from './demo-tools.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const bundled = '/debootstrap/qemu-libs';
const work = mkdtempSync(join(tmpdir(), 'elfinterp-demo-'));
process.on('exit', () => rmSync(work, {recursive: true, force: true}));
process.chdir(work);

const emulator = findEmulator();
if (emulator === undefined) demonstrateOnAnyProgram();
else if (emulator.isShared) demonstrateEmulator(emulator);
else demonstrateStatic(emulator);

/** @typedef {{path: string, root: string | undefined, isShared: boolean}} Emulator */

/** @param {Emulator} emulator */
function demonstrateEmulator(emulator) {
  const host = join(emulator.root ?? '/', emulator.path);
  say(`A shared qemu-arm: ${host}. Which libraries does it need?`);
  show(['get', host]);
  show(['needed', host]);
  rewrite(host, 'qemu-arm', `${bundled}/ld.so`);
  const chroot = makeChroot();
  say('Bundle the emulator with its loader and libraries:');
  show(['bundle', emulator.path, '--into', chroot, ...rootOption(emulator.root)]);
  say('Run the ARM program in the chroot. The emulator is registered only for this command:');
  runInside(chroot);
  prove(chroot);
  say('The same as one file, for containers and for kernels that know no private binfmt_misc:');
  pack(emulator.path, 'qemu-arm', emulator.root);
}

/**
 * Newer Debian ships qemu-user as static-pie: it has no interpreter to change, so use a program that is shared
 * everywhere.
 */
function demonstrateStatic({path, root: packages}) {
  say(
    `${path} is a static program: it has no loader to change and nothing to bundle, so it is copied as it is.`,
  );
  const chroot = makeChroot();
  show(['bundle', path, '--into', chroot, ...rootOption(packages)]);
  runInside(chroot);
  const program = sharedProgram();
  say(`What a shared emulator needs, shown on ${program}, which is shared on every distribution:`);
  demonstrateProgram(program);
}

/** If no emulator is available, any program will do. */
function demonstrateOnAnyProgram() {
  const program = sharedProgram();
  say(`This machine has no qemu-arm and no Debian packages to get one from; using ${program} instead.`);
  demonstrateProgram(program);
}

function sharedProgram() {
  const programs = ['/usr/bin/uname', '/bin/uname', '/usr/bin/env', '/bin/ls'];
  return programs.find(isShared) ?? fail('no dynamically linked program on this machine');
}

/** Change a program's loader, bundle it into an empty directory, and pack it into one file. */
function demonstrateProgram(program) {
  show(['get', program]);
  show(['needed', program]);
  rewrite(program, 'program', `${bundled}/ld.so`);
  const name = program.split('/').at(-1);
  const args = name === 'uname' ? ['-sm'] : ['--version'];
  say('Bundle it with its loader and libraries into an empty directory, and run it with that as its root:');
  const directory = emptyRoot('empty');
  show(['bundle', program, '--into', directory]);
  show(['chroot', 'run', directory, '--', `/opt/${name}/${name}`, ...args]);
  say('The same as one file:');
  pack(program, name);
  const another = emptyRoot('one-file');
  cpSync(join(work, `${name}-packed`), join(another, name));
  show(['chroot', 'run', another, '--', `/${name}`, ...args]);
}

function emptyRoot(name) {
  const directory = join(work, name);
  for (const mountPoint of ['dev', 'proc']) mkdirSync(join(directory, mountPoint), {recursive: true});
  return directory;
}

function pack(program, name, packages) {
  show(['pack', program, `${name}-packed`, ...rootOption(packages)]);
  show(['get', `${name}-packed`]);
}

function rootOption(packages) {
  return packages === undefined ? [] : ['--root', packages];
}

/** @param {string} source @param {string} name @param {string} interpreter */
function rewrite(source, name, interpreter) {
  cpSync(source, join(work, name));
  say('Change the loader (in a copy), and show what changes:');
  show(['set', '--dry-run', name, interpreter]);
  show(['set', name, interpreter]);
  show(['get', name]);
}

/** A root directory that holds ARM files only. */
function makeChroot() {
  const chroot = join(work, 'chroot');
  for (const name of ['bin', 'dev', 'proc']) mkdirSync(join(chroot, name), {recursive: true});
  cpSync(join(root, 'test-binaries/armel/hello-static'), join(chroot, 'bin/hello'));
  say(
    `A chroot with one program in it, /bin/hello, for ${machineOfFile(join(chroot, 'bin/hello'))}: ${chroot}`,
  );
  return chroot;
}

function runInside(chroot) {
  const result = show(['chroot', 'run', chroot, '--', '/bin/hello'], {mayFail: true});
  if (result.status === 0) return;
  if (!/binfmt_misc/.test(result.stderr)) fail('the ARM program did not run');
  say('This kernel has no private binfmt_misc, so the emulator is called directly in the chroot:');
  const enter = process.getuid?.() === 0 ? ['chroot'] : ['unshare', '--map-root-user', 'chroot'];
  run([...enter, chroot, '/debootstrap/qemu-arm', '/bin/hello']);
}

/**
 * Show which x86-64 files were opened in the chroot. Use strace; if that is impossible, show that there are no others.
 */
function prove(chroot) {
  // Under strace, a setuid program such as newuidmap gets no privileges, so trace only as root.
  const canTrace = process.getuid?.() === 0 && findOnPath('strace') !== undefined;
  const paths = canTrace ? openedByKernel(chroot) : filesIn(chroot);
  const files = [...new Set(paths)].map((path) => ({path, machine: machineOfFile(join(chroot, path))}));
  const strays = files.filter(({path, machine}) => machine === 'x86_64' && !path.startsWith('/debootstrap/'));
  say(canTrace ? 'ELF files that the run opened, according to strace:' : 'All ELF files in the chroot:');
  for (const {path, machine} of files)
    if (machine !== undefined) console.log(`    ${machine.padEnd(7)} ${path}`);
  if (strays.length > 0) fail(`outside the bundle: ${strays.map(({path}) => path).join(', ')}`);
  say(
    canTrace
      ? 'No x86-64 file outside the bundle was opened; no static shell, wrapper script or static qemu was there.'
      : 'No x86-64 file outside the bundle was opened, because there is none: no static shell, wrapper script or static qemu.',
  );
}

function filesIn(chroot) {
  return readdirSync(chroot, {recursive: true, encoding: 'utf8'}).map((name) => `/${name}`);
}

function openedByKernel(chroot) {
  const log = join(work, 'strace.log');
  const trace = ['strace', '-f', '-qq', '-s', '4096', '-o', log, '-e', 'trace=execve,open,openat'];
  run(
    [...trace, process.execPath, join(root, 'bin/elfinterp.js'), 'chroot', 'run', chroot, '--', '/bin/hello'],
    {quiet: true},
  );
  const lines = readFileSync(log, 'utf8').split('\n');
  const start = lines.findIndex((line) => line.includes('execve("/bin/hello"') && /= 0$/.test(line));
  const pid = lines[start]?.split(' ')[0];
  const own = lines.slice(start).filter((line) => line.startsWith(`${pid} `) && !/= -1 /.test(line));
  // The kernel opens the emulator and its loader by itself; no system call of the program shows that.
  return [
    '/debootstrap/qemu-arm',
    `${bundled}/ld.so`,
    ...own.flatMap((line) => /"(\/[^"]*)"/.exec(line)?.[1] ?? []),
  ];
}

/** @returns {Emulator | undefined} */
function findEmulator() {
  const here = findOnPath('qemu-arm');
  if (here !== undefined) return {path: here, root: undefined, isShared: isShared(here)};
  if (findOnPath('apt-get') === undefined || findOnPath('dpkg-deb') === undefined) return undefined;
  return process.getuid?.() === 0 ? install() : download();
}

function install() {
  say('qemu-user is not installed; installing it with apt-get:');
  run(['apt-get', 'update', '-qq'], {mayFail: true});
  run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'qemu-user'], {
    env: {...process.env, DEBIAN_FRONTEND: 'noninteractive'},
    quiet: true,
  });
  const path = findOnPath('qemu-arm') ?? fail('qemu-user is installed, but there is no qemu-arm on the PATH');
  return {path, root: undefined, isShared: isShared(path)};
}

/** As an ordinary user: fetch the packages, unpack them into a cache, and take them from there. */
function download() {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'elfinterp-demo');
  const path = '/usr/bin/qemu-arm';
  if (!existsSync(join(cache, path))) {
    say(`Downloading qemu-user and its dependencies to ${cache}:`);
    const packages = mkdtempSync(join(work, 'packages-'));
    const recurse = [
      '--recurse',
      '--no-recommends',
      '--no-suggests',
      '--no-conflicts',
      '--no-breaks',
      '--no-replaces',
      '--no-enhances',
    ];
    const {stdout} = run(['apt-cache', 'depends', ...recurse, 'qemu-user'], {quiet: true});
    const names = stdout.split('\n').filter((line) => /^[a-z0-9][a-z0-9+.-]+$/.test(line));
    run(['apt-get', 'download', '-qq', ...names], {cwd: packages, quiet: true});
    const unpacked = `${cache}.${process.pid}`;
    mkdirSync(unpacked, {recursive: true});
    for (const file of run(['ls', packages], {quiet: true}).stdout.split('\n').filter(Boolean)) {
      run(['dpkg-deb', '-x', join(packages, file), unpacked], {quiet: true});
    }
    rmSync(cache, {recursive: true, force: true});
    renameSync(unpacked, cache);
  }
  return {path, root: cache, isShared: isShared(join(cache, path))};
}

function isShared(path) {
  if (!existsSync(path)) return false;
  const file = openElfSync(path);
  try {
    return file.view.interpreter !== undefined;
  } catch {
    return false;
  } finally {
    void file.close();
  }
}
