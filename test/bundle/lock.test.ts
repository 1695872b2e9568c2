import type fs from 'node:fs';
import {lstatSync, readdirSync, readlinkSync, symlinkSync, unlinkSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {lockName, withLock} from '../../src/bundle/lock.js';
import {recover} from '../../src/bundle/staging.js';
import {openDirectory} from '../../src/source/dir-fd.js';
import {ownIdentity} from '../../src/write/process-identity.js';
import {withPatchedFs} from '../helpers/patched-fs.js';
import {tempDirectory} from '../helpers/temp.js';

const dead = '999999999-1';

test('a lock of a process that is gone is taken away, and nothing is left of it', (t) => {
  const directory = tempDirectory(t);
  using root = openDirectory(directory);
  symlinkSync(dead, path.join(directory, lockName));
  t.is(
    withLock(root, () => readlinkSync(path.join(directory, lockName))),
    ownIdentity(),
  );
  t.deepEqual(readdirSync(directory), []);
});

test('nothing is left of a lock that was taken away in error while a third process took it', (t) => {
  const directory = tempDirectory(t);
  using root = openDirectory(directory);
  const lock = path.join(directory, lockName);
  symlinkSync(dead, lock);
  let renames = 0;
  withPatchedFs(
    ({renameSync}) => ({
      renameSync: (from: string, to: string) => {
        renames += 1;
        if (renames > 1) return renameSync(from, to);
        unlinkSync(lock);
        symlinkSync('999999998-2', lock);
        renameSync(from, to);
        symlinkSync('999999997-3', lock);
      },
    }),
    () => withLock(root, () => t.is(readlinkSync(lock), ownIdentity())),
  );
  t.true(renames > 1);
  t.deepEqual(readdirSync(directory), []);
});

test('locks that come and go are waited for no longer than one that stays', (t) => {
  const directory = tempDirectory(t);
  using root = openDirectory(directory);
  const lock = path.join(directory, lockName);
  const {now} = Date;
  let [time, tries] = [now(), 0];
  const limit = () => {
    if (++tries > 1000) throw new Error('tried for ever');
    time += 1000;
  };
  Date.now = () => time;
  try {
    const gone = ({symlinkSync}: typeof fs) => ({
      symlinkSync(target: string, at: string) {
        limit();
        if (at.endsWith(lockName)) throw Object.assign(new Error('there'), {code: 'EEXIST'});
        symlinkSync(target, at);
      },
    });
    withPatchedFs(gone, () => t.throws(() => withLock(root, () => {}), {code: 'BUSY'}));
    symlinkSync(dead, lock);
    const another = ({renameSync, symlinkSync}: typeof fs) => ({
      renameSync(from: string, to: string) {
        limit();
        renameSync(from, to);
        symlinkSync(dead, lock);
      },
    });
    withPatchedFs(another, () => t.throws(() => withLock(root, () => {}), {code: 'BUSY'}));
  } finally {
    Date.now = now;
  }
});

test('a lock that has another holder by now is not given back', (t) => {
  const directory = tempDirectory(t);
  using root = openDirectory(directory);
  const lock = path.join(directory, lockName);
  withLock(root, () => {
    unlinkSync(lock);
    symlinkSync('another', lock);
  });
  t.is(readlinkSync(lock), 'another');
});

test('locks that were being taken away by processes that are gone are removed, and nothing else', (t) => {
  const directory = tempDirectory(t);
  using root = openDirectory(directory);
  symlinkSync(dead, path.join(directory, `${lockName}-4194305`));
  symlinkSync(dead, path.join(directory, `${lockName}-${ownIdentity()}`));
  writeFileSync(path.join(directory, `${lockName}-mine`), '');
  recover(root);
  t.deepEqual(readdirSync(directory).sort(), [`${lockName}-${ownIdentity()}`, `${lockName}-mine`].sort());
  t.true(lstatSync(path.join(directory, `${lockName}-mine`)).isFile());
});
