import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {findRoot, lookInside, ownInside} from '../../src/chroot/inside.js';
import {ElfError} from '../../src/errors.js';

/** A root with the given symbolic links, one directory and one file. */
function makeRoot(t: ExecutionContext, links: Readonly<Record<string, string>> = {}): string {
  const root = findRoot(mkdtempSync(join(tmpdir(), 'elfinterp-inside-')));
  t.teardown(() => rmSync(root, {recursive: true}));
  mkdirSync(join(root, 'usr/lib'), {recursive: true});
  writeFileSync(join(root, 'usr/lib/file'), '');
  for (const [path, target] of Object.entries(links)) symlinkSync(target, join(root, path));
  return root;
}

test('a path without links is itself', (t) => {
  const root = makeRoot(t);
  t.is(lookInside(root, '/usr/./lib//file'), `${root}/usr/lib/file`);
  t.is(ownInside(root, '/usr/lib/file'), `${root}/usr/lib/file`);
});

test('what does not exist is undefined', (t) => {
  const root = makeRoot(t, {dangling: 'nowhere'});
  for (const path of ['/none', '/usr/lib/file/x', '/dangling']) {
    t.is(lookInside(root, path), undefined);
    t.is(ownInside(root, path), undefined);
  }
});

test('a relative link that stays inside is followed', (t) => {
  const root = makeRoot(t, {lib: 'usr/lib', 'usr/l': '../usr/./lib'});
  t.is(ownInside(root, '/lib/file'), `${root}/usr/lib/file`);
  t.is(ownInside(root, '/usr/l/file'), `${root}/usr/lib/file`);
});

test('an absolute link means the chroot to the programs inside, and is refused where both must agree', (t) => {
  const root = makeRoot(t, {lib: '/usr/lib', debootstrap: '/etc'});
  t.is(lookInside(root, '/lib/file'), `${root}/usr/lib/file`);
  t.is(lookInside(root, '/debootstrap/passwd'), undefined);
  for (const path of ['/lib/file', '/debootstrap']) {
    const error = t.throws(() => ownInside(root, path), {instanceOf: ElfError});
    t.is(error.code, 'OUTSIDE');
  }
});

test('a link that climbs out ends at the root for those inside, and is refused where both must agree', (t) => {
  const root = makeRoot(t, {up: '../../../../usr/lib', 'usr/up': '../../usr/lib'});
  for (const path of ['/up/file', '/usr/up/file']) {
    t.is(lookInside(root, path), `${root}/usr/lib/file`);
    t.throws(() => ownInside(root, path), {
      code: 'OUTSIDE',
      message: /a symbolic link leads out of the chroot/,
    });
  }
});

test('links in a circle lead nowhere, and do not hang', (t) => {
  const root = makeRoot(t, {a: 'b', b: 'a'});
  t.throws(() => lookInside(root, '/a'), {
    instanceOf: ElfError,
    message: /too many levels of symbolic links/,
  });
});

test('a chroot that is missing or a file is said to be so', (t) => {
  const root = makeRoot(t);
  t.throws(() => findRoot(`${root}/none`), {instanceOf: ElfError, message: /no such file or directory/});
  t.throws(() => findRoot(`${root}/usr/lib/file`), {
    instanceOf: ElfError,
    message: /a chroot is a directory/,
  });
});
