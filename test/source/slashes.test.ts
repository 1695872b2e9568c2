import test from 'ava';
import {withoutSlashesAtEnd} from '../../src/source/slashes.js';

test('slashes at the end go, and no others', (t) => {
  for (const [path, expected] of [
    ['/usr/lib//', '/usr/lib'],
    ['//usr//lib', '//usr//lib'],
    ['///', ''],
    ['', ''],
  ] as const)
    t.is(withoutSlashesAtEnd(path), expected);
});

test('a long run of slashes in the middle takes no longer', (t) => {
  // A regular expression would take hours.
  const path = `${'/'.repeat(2_000_000)}x`;
  t.is(withoutSlashesAtEnd(path), path);
});
