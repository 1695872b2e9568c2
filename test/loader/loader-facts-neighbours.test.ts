/* In the loader, the system directories are a separate array; the data before it can be anything. */
import {readFileSync} from 'node:fs';
import test from 'ava';
import {readLoaderFacts} from '../../src/loader/loader-facts.js';
import {describeObject} from '../../src/loader/object.js';
import {bufferSource} from '../../src/source/buffer.js';

const loader = '/lib64/ld-linux-x86-64.so.2';

for (const [what, byte] of [
  ['a NUL', 0],
  ['a letter', 0x78],
  ['no letter', 0xff],
] as const) {
  test(`facts: the first system directory counts though ${what} lies before it`, (t) => {
    const bytes = readFileSync(loader);
    const {machine} = describeObject(bufferSource(bytes));
    if (machine === undefined) return t.fail('not ELF');
    const expected = readLoaderFacts(bufferSource(bytes), machine).systemDirectories;
    t.true(expected.length > 1);
    const list = Buffer.from(`${expected.join('\0')}\0`, 'latin1');
    for (let at = bytes.indexOf(list); at >= 0; at = bytes.indexOf(list, at + 1)) bytes[at - 1] = byte;
    t.deepEqual(readLoaderFacts(bufferSource(bytes), machine).systemDirectories, expected);
    return undefined;
  });
}
