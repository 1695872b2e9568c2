/*
 * debootstrap uses paths, so `chroot create` as root accepts only a directory that nobody else can redirect, and makes
 * nothing if it refuses.
 */
import {chmodSync, chownSync, existsSync, lchownSync, mkdirSync, readdirSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {createChroot, resumeChroot} from '../../src/chroot/create.js';
import {enterOwnWay} from '../../src/chroot/own-way.js';
import {tempDirectory} from '../helpers/temp.js';

const rootTest = process.geteuid?.() === 0 ? test : test.skip;
/** Debian's nobody. */
const user = 65534;

function makeDirectory(path: string, mode: number, owner = 0): string {
  mkdirSync(path);
  chmodSync(path, mode);
  chownSync(path, owner, owner);
  return path;
}

function makeLink(target: string, path: string, owner: number): string {
  symlinkSync(target, path);
  lchownSync(path, owner, owner);
  return path;
}

/** Each kind of path that somebody else can change; what is made for it is in `base`, which is root's. */
const ways: Readonly<Record<string, (base: string) => string>> = {
  "in a user's directory": (base) => join(makeDirectory(join(base, 'home'), 0o755, user), 'new'),
  "a root's directory in a user's": (base) =>
    makeDirectory(join(makeDirectory(join(base, 'home'), 0o755, user), 'root'), 0o755),
  "a user's directory in one for all": (base) =>
    makeDirectory(join(makeDirectory(join(base, 'tmp'), 0o1777), 'new'), 0o755, user),
  'a directory that all may write': (base) => makeDirectory(join(base, 'shared'), 0o777),
  'a directory that a group may write': (base) => {
    const path = makeDirectory(join(base, 'shared'), 0o755);
    chownSync(path, 0, user);
    chmodSync(path, 0o775);
    return join(path, 'new');
  },
  // With `setfacl -m u:NAME:rwx` it looks the same.
  "a directory that root's own group may write": (base) => {
    const path = makeDirectory(join(base, 'shared'), 0o755);
    chmodSync(path, 0o775);
    return join(path, 'new');
  },
  "a user's link": (base) => {
    const tmp = makeDirectory(join(base, 'tmp'), 0o1777);
    return makeLink(makeDirectory(join(base, 'root'), 0o755), join(tmp, 'link'), user);
  },
};

function everything(directory: string): string[] {
  return readdirSync(directory, {recursive: true, encoding: 'utf8'}).sort();
}

async function refused(t: ExecutionContext, base: string, call: () => unknown): Promise<void> {
  const before = everything(base);
  await t.throwsAsync(async () => call(), {
    code: 'OUTSIDE',
    message: /can change where this path points while debootstrap works there as root/,
  } as object);
  t.deepEqual(everything(base), before);
}

const options = {architecture: process.arch === 'arm64' ? 'arm64' : 'amd64'};

for (const [title, make] of Object.entries(ways)) {
  rootTest(`chroot create, as root, refuses ${title}`, async (t) => {
    const base = tempDirectory(t);
    chmodSync(base, 0o755);
    const path = make(base);
    await refused(t, base, () => createChroot('bookworm', path, options));
    await refused(t, base, () => resumeChroot(path));
    // debootstrap writes packages there as well.
    const target = makeDirectory(join(base, 'target'), 0o755);
    await refused(t, base, () => createChroot('bookworm', target, {...options, cacheDirectory: path}));
  });
}

rootTest("a directory of root's is taken where everybody may make one, and through root's own links", (t) => {
  const base = tempDirectory(t);
  const tmp = makeDirectory(join(base, 'tmp'), 0o1777);
  const link = makeLink(tmp, join(base, 'link'), 0);
  using opened = enterOwnWay(join(link, 'a/b'), {make: true});
  t.is(opened.real, join(tmp, 'a/b'));
  t.true(existsSync(join(tmp, 'a/b')));
});
