/*
 * What a batch leaves when undoing an edit fails too.
 */
import {closeSync, fstatSync, openSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {findPlace} from '../../src/source/place.js';
import {Batch} from '../../src/write/batch.js';
import {Transaction} from '../../src/write/transaction.js';
import {tempDirectory} from '../helpers/temp.js';

class Failing extends Transaction {
  readonly attributes = undefined;

  complete(): never {
    throw new Error('no room');
  }

  override undo(): void {
    throw new Error('no room to undo it either');
  }
}

test('a file that cannot be made what it was does not keep the others from being closed', (t) => {
  const directory = tempDirectory(t);
  const batch = new Batch();
  let isClosed = false;
  let descriptor = -1;
  batch.add('name', (workspaces, closeLater) => {
    const place = findPlace(join(directory, 'file'));
    closeLater(() => {
      isClosed = true;
      place[Symbol.dispose]();
    });
    workspaces.create(place.directory);
    descriptor = openSync(directory, 'r');
    return new Failing(place, descriptor);
  });
  const [outcome] = batch.runSync();
  t.regex(
    String((outcome as {error: Error}).error),
    /no room; and the old content cannot be written back.*\(got no room to undo/,
  );
  t.true(isClosed);
  t.throws(() => fstatSync(descriptor), {code: 'EBADF'});
  t.throws(() => closeSync(descriptor), {code: 'EBADF'});
  t.deepEqual(readdirSync(directory), []);
});
