import test from 'ava';
import {
  formatJournal,
  type Journal,
  longestJournal,
  onDevice,
  parseJournal,
} from '../../src/change/journal.js';

const sha256 = 'a'.repeat(64);

const journal: Journal = {
  version: 1,
  prepare: [
    {op: 'putAside', path: '/b/old'},
    {op: 'keepAside', path: '/b/prog'},
    {op: 'keepAside', path: '/b/kept', state: '2049:13:5:1000'},
    {op: 'keepAside', path: '/b/new', state: null},
    {op: 'moveIn', path: '/b/prog', role: 'program', sha256, size: 2},
    {op: 'makeDirectory', path: '/b/share'},
    {op: 'putAsideDirectory', path: '/b/lib', inode: '2049:12'},
    {op: 'putAsideDirectory', path: '/b/lib2', inode: null},
  ],
  commit: {op: 'moveDirectoryIn', path: '/b/lib'},
  finish: [{op: 'removeEmpty', path: '/b/share'}],
};

// biome-ignore lint/suspicious/noExplicitAny: a test may put anything anywhere
const changed = (change: (json: any) => void): string => {
  const json = JSON.parse(formatJournal(journal));
  change(json);
  return JSON.stringify(json);
};

test('a journal is read back as it was written', (t) => {
  t.deepEqual(parseJournal(formatJournal(journal), 'j'), journal);
});

test('a journal follows its file system to another device', (t) => {
  const there = {...journal, directories: {'/b': '2049:11', '/mounted': '7:2'}, device: '2049'};
  const here = JSON.parse(JSON.stringify(there).replaceAll('"2049', '"43'));
  t.deepEqual(onDevice(parseJournal(formatJournal(there), 'j'), '43'), here);
  t.deepEqual(onDevice(there, '2049'), there);
  t.deepEqual(onDevice(journal, '43'), journal);
});

test('a journal may end with a mark instead of a move, and paths may have line breaks', (t) => {
  const marked: Journal = {
    version: 1,
    prepare: [{op: 'putAside', path: '/a\nb'}],
    commit: {op: 'markDone'},
    finish: [],
  };
  t.deepEqual(parseJournal(formatJournal(marked), 'j'), marked);
});

test('a journal is written like this', (t) => {
  const short: Journal = {
    version: 1,
    prepare: [{op: 'putAside', path: '/b/prog'}],
    commit: {op: 'putAside', path: '/b/lib/manifest.json'},
    finish: [{op: 'removeEmpty', path: '/b'}],
  };
  t.is(
    formatJournal(short),
    '{"version":1,"prepare":[{"op":"putAside","path":"/b/prog"}],' +
      '"commit":{"op":"putAside","path":"/b/lib/manifest.json"},"finish":[{"op":"removeEmpty","path":"/b"}]}',
  );
});

test('a journal that was cut is refused, wherever', (t) => {
  const text = formatJournal(journal);
  for (let length = 0; length < text.length; length++)
    t.throws(() => parseJournal(text.slice(0, length), 'j'), {code: 'BAD_MANIFEST'}, `${length} bytes`);
});

// biome-ignore lint/suspicious/noExplicitAny: as above
const damage: Readonly<Record<string, readonly [change: (json: any) => void, message: RegExp]>> = {
  'another version': [(json) => (json.version = 2), /version \(expected 1, got 2\)/],
  'no version': [(json) => delete json.version, /version \(expected 1, got nothing\)/],
  'an unknown step': [(json) => (json.prepare[0].op = 'remove'), /prepare\[0\]\.op \(expected putAside/],
  'a step that cannot be undone': [(json) => (json.prepare[0] = json.commit), /prepare\[0\]\.op/],
  'a commit that does not count': [(json) => (json.commit = json.prepare[1]), /commit\.op/],
  'a last step that would have to be undone': [(json) => (json.finish = json.prepare), /finish\[0\]\.op/],
  'a step without a path': [(json) => delete json.prepare[1].path, /prepare\[1\]\.path \(expected a string/],
  'no hash': [(json) => (json.prepare[4].sha256 = 'A'.repeat(64)), /prepare\[4\]\.sha256/],
  'a role that no file has': [(json) => (json.prepare[4].role = 'god'), /prepare\[4\]\.role/],
  'half a byte': [(json) => (json.prepare[4].size = 1.5), /prepare\[4\]\.size/],
  'a number for an inode': [(json) => (json.prepare[6].inode = 12), /prepare\[6\]\.inode/],
  'a number for a state': [(json) => (json.prepare[2].state = 5), /prepare\[2\]\.state \(expected a string/],
  'a step for a list': [(json) => (json.prepare = json.commit), /prepare \(expected an array/],
  'no object': [(json) => (json.commit = null), /commit \(expected an object/],
};

for (const [title, [change, message]] of Object.entries(damage))
  test(`a journal is refused: ${title}`, (t) => {
    t.throws(() => parseJournal(changed(change), 'j'), {code: 'BAD_MANIFEST', message});
  });

for (const path of ['/b/../../etc', 'b', '/', '/b/', '/b//c', '/b/./c', '/b\0c'])
  test(`a path of a journal is refused: ${JSON.stringify(path)}`, (t) => {
    const text = changed((json) => (json.prepare[0].path = path));
    t.throws(() => parseJournal(text, 'j'), {code: 'OUTSIDE', message: /prepare\[0\]\.path is refused/});
  });

test('a journal that is too long to be read back is not written', (t) => {
  const step = {op: 'putAside', path: `/${'x'.repeat(1 << 20)}`} as const;
  const long = {...journal, prepare: Array.from({length: longestJournal >> 20}, () => step)};
  t.throws(() => formatJournal(long), {code: 'UNSUPPORTED', message: /too long/});
});
