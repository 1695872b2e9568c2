/*
 * Fetch ELF files that no test was written for, to sweep over: prebuilt binaries of npm packages, and Debian packages
 * of foreign architectures. Everything is fetched by name with the ordinary clients (npm pack, apt-get download) and
 * unpacked; nothing is installed and no install script runs. A name that cannot be fetched is reported and left out.
 *
 *     npm run corpus -- DIRECTORY
 *     npm run sweep -- DIRECTORY
 *
 * Packages that are already there are not fetched again.
 */
import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {findElfFiles} from '../dist/index.js';

/** Different linkers and languages: Go, Rust (GNU ld, lld, mold), C++, Dart, Zig; glibc and musl. */
const npmPackages = [
  ...each('@esbuild/linux-', 'x64 ia32 arm arm64 loong64 mips64el ppc64 riscv64 s390x'),
  ...each('@rollup/rollup-linux-', 'x64-gnu x64-musl arm-gnueabihf arm64-musl riscv64-gnu s390x-gnu'),
  ...each('@rollup/rollup-linux-', 'loong64-gnu ppc64-gnu'),
  ...each('@swc/core-linux-', 'x64-gnu x64-musl arm-gnueabihf arm64-gnu'),
  ...each('@biomejs/cli-linux-', 'x64 x64-musl arm64'),
  ...each('lightningcss-linux-', 'x64-gnu x64-musl arm64-gnu arm-gnueabihf'),
  ...each('@img/sharp-linux-', 'x64 arm arm64 s390x ppc64'),
  ...each('@img/sharp-libvips-linux-', 'x64 arm arm64 s390x ppc64'),
  ...each('@parcel/watcher-linux-', 'x64-glibc x64-musl arm-glibc arm64-musl'),
  ...each('@dprint/linux-', 'x64-glibc x64-musl arm64-glibc riscv64-glibc'),
  ...each('sass-embedded-linux-', 'x64 ia32 arm arm64 riscv64'),
  ...each('@ast-grep/cli-linux-', 'x64-gnu arm64-gnu'),
  ...each('@cbor-extract/cbor-extract-linux-', 'x64 arm arm64'),
  ...each('@bufbuild/buf-linux-', 'x64 armv7'),
  ...each('@oxlint/binding-linux-', 'x64-gnu riscv64-gnu s390x-gnu ppc64-gnu arm-gnueabihf'),
  '@oven/bun-linux-x64',
  '@cloudflare/workerd-linux-64',
  'turbo-linux-64',
  'bufferutil',
  'utf-8-validate',
  'classic-level',
  'sodium-native',
  'usb',
  '@serialport/bindings-cpp',
  'node-pty',
  'onnxruntime-node',
  'tree-sitter-json',
  'tree-sitter-python',
  '@sentry/profiling-node',
];

const debianArchitectures = ['armhf', 'armel', 'arm64', 'i386', 'mips64el', 'ppc64el', 's390x'];

/** Programs and libraries from many projects. */
const debianPackages = [
  'coreutils',
  'libc6',
  'libc-bin',
  'util-linux',
  'perl-base',
  'libpython3.11-stdlib',
  'binutils-common',
  'procps',
  'e2fsprogs',
  'iproute2',
  'dash',
  'busybox',
  'gzip',
  'libstdc++6',
  'libgmp10',
  'libssl3',
  'mount',
];

function each(prefix, suffixes) {
  return suffixes.split(' ').map((suffix) => `${prefix}${suffix}`);
}

const [, , target] = process.argv;
if (target === undefined) {
  process.stderr.write('usage: npm run corpus -- DIRECTORY\n');
  process.exit(2);
}
const directory = resolve(target);
const missing = [];

for (const name of npmPackages) fetchNpm(name);
for (const architecture of debianArchitectures) fetchDebian(architecture);
for (const name of missing) process.stderr.write(`not fetched: ${name}\n`);
console.log(`${[...findElfFiles(directory)].length} ELF files in ${directory}`);

function fetchNpm(name) {
  const into = join(directory, 'npm', name.replace('/', '+'));
  if (existsSync(into)) return;
  mkdirSync(into, {recursive: true});
  const packed = run('npm', ['pack', name, '--silent', '--pack-destination', into], into);
  const [archive] = readdirSync(into);
  const isDone =
    packed && archive !== undefined && run('tar', ['-xf', join(into, archive), '-C', into], into);
  if (isDone) rmSync(join(into, archive));
  else forget(into, name);
}

/** Run apt-get with private lists and a private cache, so the machine's stay unchanged. */
function fetchDebian(architecture) {
  const root = join(directory, 'debian', architecture);
  if (existsSync(root)) return;
  const state = join(directory, 'apt', architecture);
  for (const name of ['lists/partial', 'archives/partial']) mkdirSync(join(state, name), {recursive: true});
  writeFileSync(join(state, 'status'), '');
  const apt = (args, cwd) => run('apt-get', [...aptOptions(architecture, state), ...args], cwd);
  apt(['update'], state);
  mkdirSync(root, {recursive: true});
  for (const name of debianPackages)
    if (!apt(['download', `${name}:${architecture}`], state)) missing.push(`${name}:${architecture}`);
  for (const file of readdirSync(state).filter((name) => name.endsWith('.deb')))
    run('dpkg-deb', ['-x', join(state, file), root], state);
  rmSync(state, {recursive: true});
}

function aptOptions(architecture, state) {
  const settings = {
    'APT::Architecture': architecture,
    'APT::Architectures::': architecture,
    'APT::Sandbox::User': 'root',
    'Dir::State': state,
    'Dir::State::status': join(state, 'status'),
    'Dir::Cache': state,
    'Acquire::Retries': '5',
    'Acquire::Languages': 'none',
  };
  return ['-q', ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
}

function forget(into, name) {
  rmSync(into, {recursive: true});
  missing.push(name);
}

function run(command, args, cwd) {
  return spawnSync(command, args, {cwd, stdio: ['ignore', 'ignore', 'inherit']}).status === 0;
}
