/*
 * Where escapes are tried: a root, and beside it everything that a way out of it could find. `outside` is a copy of the
 * whole root, so that a command that follows a link out of the root finds there what it looks for; but each file ends
 * with a secret that identifies it wherever it is copied.
 */
import {execFileSync} from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import {installEmulator} from '../../src/chroot/install.js';
import {edit} from '../helpers/edits.js';
import {entriesBelow} from '../helpers/entries.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {buildCache} from '../loader/cache-builder.js';

export const secret = '\nTHE SECRET OF OUTSIDE\n';

export interface Place {
  readonly parent: string;
  readonly root: string;
  readonly outside: string;
  /** A target for bundles that are made out of the root. */
  readonly into: string;
  /** A program of this machine that stands in for an emulator, small enough to be bundled often. */
  readonly emulator: string;
  /** Put root and target back as they were. */
  reset(): void;
}

/** Make a place in an empty directory, with or without a bundle in the root. */
export async function makePlace(parent: string, withBundle: boolean): Promise<Place> {
  const at = (name: string) => join(parent, name);
  const [template, emulator] = [at('template'), at('machine/qemu-arm')];
  mkdirSync(at('machine'));
  chmodSync(parent, 0o755);
  copyFileSync('/bin/true', emulator);
  makeRoot(template);
  if (withBundle) await installEmulator(template, [emulator]);
  const place = {parent, root: at('root'), outside: at('outside'), into: at('into'), emulator};
  cpSync(template, place.outside, copy);
  for (const file of filesBelow(place.outside)) appendFileSync(file, secret);
  const reset = () => {
    for (const path of [place.root, place.into]) rmSync(path, {recursive: true, force: true});
    cpSync(template, place.root, copy);
  };
  reset();
  return {...place, reset};
}

const copy = {recursive: true, verbatimSymlinks: true, preserveTimestamps: true};
const system = 'lib/x86_64-linux-gnu';

/** ARM programs to be emulated, and a program of this machine that finds libraries in every possible way. */
function makeRoot(root: string): void {
  const add = (path: string, content: Uint8Array | string) => {
    mkdirSync(dirname(join(root, path)), {recursive: true});
    writeFileSync(join(root, path), content, {mode: 0o755});
  };
  for (const name of ['dev', 'proc', 'sys', 'usr/libexec']) mkdirSync(join(root, name), {recursive: true});
  add('bin/sh', fixtureBytes('armel/hello-static'));
  add('usr/bin/env', fixtureBytes('armel/hello-static'));
  add(
    'bin/p',
    edit(fixtureBytes('x86_64/probe-pie'), {addNeeded: ['libcached.so', 'libmine.so'], rpath: '/opt/mine'}),
  );
  add('lib64/ld-linux-x86-64.so.2', readFileSync('/lib64/ld-linux-x86-64.so.2'));
  for (const path of [`${system}/libc.so.6`, 'opt/lib/libcached.so', 'opt/mine/libmine.so', 'lib/preload.so'])
    add(path, emptyLibrary(root));
  add('etc/ld.so.preload', '/lib/preload.so\n');
  add('etc/ld.so.cache', buildCache([{name: 'libcached.so', path: '/opt/lib/libcached.so'}]));
  add('etc/resolv.conf', 'nameserver 127.0.0.1\n');
  add('etc/data', 'data\n');
  add('var/lib/dpkg/arch', 'armel\n');
  add('var/lib/dpkg/status', 'Package: dpkg\nArchitecture: armel\n');
  add('debootstrap/arch', 'armel\n');
}

let library: Buffer | undefined;

function emptyLibrary(directory: string): Buffer {
  if (library === undefined) {
    const file = join(directory, 'library.so');
    execFileSync('gcc', ['-shared', '-nostdlib', '-x', 'c', '-o', file, '-'], {input: 'int empty;'});
    library = readFileSync(file);
    rmSync(file);
  }
  return library;
}

function filesBelow(directory: string): string[] {
  return entriesBelow(directory)
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** All that would change if something in a directory were touched. */
export function snapshot(directory: string): string {
  return readdirSync(directory, {recursive: true, encoding: 'utf8'})
    .sort()
    .map((name) => {
      const {ino, size, mode, mtimeNs, ctimeNs} = lstatSync(join(directory, name), {bigint: true});
      return `${name} ${ino} ${size} ${mode} ${mtimeNs} ${ctimeNs}`;
    })
    .join('\n');
}

/** The regular files below a directory that hold the secret. */
export function filesWithSecret(directory: string): string[] {
  if (lstatSync(directory, {throwIfNoEntry: false}) === undefined) return [];
  return filesBelow(directory).filter((file) => {
    const {size} = lstatSync(file);
    return size < 1 << 24 && readFileSync(file).includes(secret.trim());
  });
}
