import test from 'ava';
import {parseIdRanges, parseSubordinateRanges} from '../../src/chroot/idmap.js';

test("a namespace's own map is read", (t) => {
  t.deepEqual(parseIdRanges('         0          0 4294967295\n'), [
    {inside: 0, outside: 0, count: 4294967295},
  ]);
  t.deepEqual(parseIdRanges('0 1000 1\n1 100000 65536\n'), [
    {inside: 0, outside: 1000, count: 1},
    {inside: 1, outside: 100000, count: 65536},
  ]);
});

test('of ranges that overlap the first one counts: the kernel takes no id twice', (t) => {
  const text = 'me:100000:65536\n1000:100000:65536\nme:165535:10\nme:99990:11\nme:165536:10\nme:99990:10\n';
  t.deepEqual(parseSubordinateRanges(text, 'me', 1000), [
    {inside: 1, outside: 100000, count: 65536},
    {inside: 65537, outside: 165536, count: 10},
    {inside: 65547, outside: 99990, count: 10},
  ]);
});

test('subordinate ranges follow root one after the other, by name or by number', (t) => {
  const text = 'other:1:2\nme:100000:65536\n\n1000:300000:10\nme:oops\nmemo:5:5\n';
  t.deepEqual(parseSubordinateRanges(text, 'me', 1000), [
    {inside: 1, outside: 100000, count: 65536},
    {inside: 65537, outside: 300000, count: 10},
  ]);
});
