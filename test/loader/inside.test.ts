import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {ElfError} from '../../src/errors.js';
import {findOwn} from '../../src/loader/inside.js';
import {Root} from '../../src/loader/root.js';

/** A root with the given symbolic links, one directory and one file. */
function makeRoot(t: ExecutionContext, links: Readonly<Record<string, string>> = {}): Root {
  const path = mkdtempSync(join(tmpdir(), 'elfinterp-own-'));
  t.teardown(() => rmSync(path, {recursive: true}));
  mkdirSync(join(path, 'usr/lib'), {recursive: true});
  writeFileSync(join(path, 'usr/lib/file'), '');
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(path, name));
  return new Root(path);
}

test('a file without a link on the way is found', (t) => {
  const root = makeRoot(t);
  t.is(findOwn(root, '/usr/lib/file'), `${root.host}/usr/lib/file`);
});

test('what does not exist is undefined', (t) => {
  const root = makeRoot(t);
  for (const path of ['/none', '/none/x', '/usr/lib/file/x']) t.is(findOwn(root, path), undefined);
});

for (const [title, name, target, path] of [
  ['an absolute link', 'debootstrap', '/etc', '/debootstrap/x'],
  ['a relative link that climbs out', 'debootstrap', '../../../etc', '/debootstrap/passwd'],
  ['a link that stays inside', 'lib', 'usr/lib', '/lib/file'],
  ['a link at the end', 'usr/lib/link', 'file', '/usr/lib/link'],
  ['a link to nowhere', 'usr/lib/link', 'none', '/usr/lib/link'],
  ['a link to itself', 'proc', '/proc', '/proc'],
] as const) {
  test(`refused: ${title}`, (t) => {
    const root = makeRoot(t, {[name]: target});
    const error = t.throws(() => findOwn(root, path), {instanceOf: ElfError});
    t.is(error.code, 'OUTSIDE');
    t.true(error.message.startsWith(`${root.host}: ${path} is reached through a symbolic link`));
  });
}
