/*
 * The Debian release of this machine, and packages of any release, unpacked but not installed; apt verifies what the
 * mirror sends.
 */
import {mkdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {output} from './tools.js';

/** The name of this machine's release, as in `bookworm`. */
export function debianRelease(): string | undefined {
  return /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
}

/** Unpack packages of a release into a new directory. Needs the network and mmdebstrap. */
export function unpackDebian(release: string, packages: readonly string[], into: string): void {
  const tar = `${into}.tar`;
  const options = ['--variant=extract', '--aptopt=Acquire::Retries "5"', '--skip=check/qemu'];
  const timeout = 600_000;
  // As a tar file, because an ordinary user's mmdebstrap would leave files of subordinate ids.
  output('mmdebstrap', [...options, `--include=${packages.join(',')}`, release, tar], {timeout});
  mkdirSync(into);
  output('tar', ['-xf', tar, '-C', into, '--no-same-owner', '--exclude=./dev']);
}

/** The directories below a root that contain one of these files. */
export function directoriesOf(root: string, names: readonly string[]): string[] {
  const test = names.flatMap((name) => ['-o', '-name', name]).slice(1);
  const found = output('find', [root, '(', ...test, ')', '-printf', '%h\n']).split('\n');
  return [...new Set(found)]
    .filter((directory) => directory !== '')
    .map((directory) => path.resolve(directory));
}
