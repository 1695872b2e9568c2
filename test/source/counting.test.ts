import test from 'ava';
import {bufferSource} from '../../src/source/buffer.js';
import {countingSource} from '../helpers/counting.js';

test('counts reads and bytes, and is otherwise the source that it wraps', (t) => {
  const source = countingSource(bufferSource(Buffer.from('0123456789'), 'digits'));
  t.deepEqual([source.path, source.size, source.reads, source.bytesRead], ['digits', 10, 0, 0]);
  t.is(Buffer.from(source.read(2, 3)).toString(), '234');
  source.read(0, 10);
  t.deepEqual([source.reads, source.bytesRead], [2, 13]);
  t.throws(() => source.read(9, 2), {code: 'TRUNCATED'});
});
