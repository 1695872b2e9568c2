/*
 * Files of emulators that stay: elfinterp replaces nothing that it did not put there.
 */
import type fs from 'node:fs';
import {readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {keepFile, removeKept} from '../../src/chroot/kept-file.js';
import {withPatchedFs} from '../helpers/patched-fs.js';
import {tempDirectory} from '../helpers/temp.js';

const program = '/usr/bin/qemu-arm';

test('a kept file gives way to a newer one, and to nothing else', (t) => {
  const [from, into] = [tempDirectory(t), tempDirectory(t)];
  const path = join(from, 'packed');
  const keep = (content: string) => {
    writeFileSync(path, content);
    return keepFile({path, program, isStatic: false, [Symbol.dispose]() {}}, into);
  };
  const file = join(into, 'qemu-arm');
  for (const name of ['qemu-arm', 'qemu-arm.json']) {
    writeFileSync(join(into, name), 'mine');
    t.throws(() => keep('one'), {code: 'CONFLICT', message: /elfinterp did not put it there/});
    t.deepEqual(readdirSync(into), [name]);
    t.is(readFileSync(join(into, name), 'utf8'), 'mine');
    rmSync(join(into, name));
  }
  t.deepEqual(keep('one'), {path: file, isNew: true});
  t.deepEqual(keep('two'), {path: file, isNew: false});
  t.is(readFileSync(file, 'utf8'), 'two');
  // A run that is interrupted leaves the new record and the old file.
  let renamed = 0;
  const failing = (original: typeof fs) => ({
    renameSync(from: string, to: string) {
      if (++renamed === 2) throw new Error('interrupted');
      original.renameSync(from, to);
    },
  });
  withPatchedFs(failing, () => t.throws(() => keep('next'), {message: /interrupted/}));
  t.is(readFileSync(file, 'utf8'), 'two');
  t.deepEqual(keep('next'), {path: file, isNew: false});
  t.is(readFileSync(file, 'utf8'), 'next');
  writeFileSync(file, 'changed');
  t.throws(() => keep('three'), {code: 'CONFLICT'});
  t.is(readFileSync(file, 'utf8'), 'changed');
  // If the first run is interrupted, it leaves only a record.
  rmSync(file);
  t.deepEqual(keep('four'), {path: file, isNew: true});
  t.true(removeKept(file));
  t.deepEqual(readdirSync(into), []);
});

test('a kept file that cannot be removed is an error in words', (t) => {
  const [from, into] = [tempDirectory(t), tempDirectory(t)];
  const path = join(from, 'packed');
  writeFileSync(path, 'one');
  keepFile({path, program, isStatic: false, [Symbol.dispose]() {}}, into);
  const file = join(into, 'qemu-arm');
  const readOnly = () => ({
    unlinkSync() {
      throw Object.assign(new Error('EROFS'), {code: 'EROFS', syscall: 'unlink'});
    },
  });
  withPatchedFs(readOnly, () =>
    t.throws(() => removeKept(file), {code: 'FILE_SYSTEM', message: `${file}: read-only file system`}),
  );
});
