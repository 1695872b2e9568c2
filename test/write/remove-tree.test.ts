import {existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {openDirectory} from '../../src/source/dir-fd.js';
import {removeTree} from '../../src/write/remove-tree.js';
import {tempDirectory} from '../helpers/temp.js';
import {run} from '../helpers/tools.js';

test('a tree is removed however deep it is, and no link is followed', (t) => {
  const directory = tempDirectory(t);
  const outside = join(directory, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'file'), '');
  // These are also names that moved directories get.
  for (const name of ['0/1/2', '1/0', '2']) mkdirSync(join(directory, 'tree', name), {recursive: true});
  writeFileSync(join(directory, 'tree/1/file'), '');
  symlinkSync(outside, join(directory, 'tree/1/link'));
  symlinkSync(outside, join(directory, 'tree/0/1/3'));
  let deep = join(directory, 'tree');
  for (let level = 0; level < 600; level++) deep = join(deep, 'd');
  mkdirSync(deep, {recursive: true});
  const url = (name: string) => JSON.stringify(new URL(`../../src/${name}`, import.meta.url).href);
  const script = `
    const {openDirectory} = await import(${url('source/dir-fd.js')});
    const {removeTree} = await import(${url('write/remove-tree.js')});
    removeTree(openDirectory(process.argv[1]), 'tree');`;
  const code = [
    'ulimit -n 64; exec "$0" --input-type=module -e "$1" "$2"',
    process.execPath,
    script,
    directory,
  ];
  const {status, stderr} = run('sh', ['-c', ...code]);
  t.is(status, 0, stderr);
  t.deepEqual(readdirSync(directory), ['outside']);
  t.true(existsSync(join(outside, 'file')));
});

test('names that are not UTF-8 are removed, of files and of directories', (t) => {
  const directory = tempDirectory(t);
  const odd = (...parts: (string | number)[]) =>
    Buffer.concat([
      Buffer.from(`${directory}/`),
      ...parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))),
    ]);
  for (const path of [odd('tree/d', 0xff, '/inner/', 0xfe), odd('tree/0/', 0xfd), odd('tree/', 0xfc)])
    mkdirSync(path, {recursive: true});
  for (const path of [odd('tree/f', 0xff), odd('tree/d', 0xff, '/', 0xfb)]) writeFileSync(path, '');
  removeTree(openDirectory(directory), 'tree');
  t.deepEqual(readdirSync(directory), []);
});

test('what does not exist is removed already, and a file is removed', (t) => {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'file'), '');
  using top = openDirectory(directory);
  for (const name of ['nothing', 'file']) removeTree(top, name);
  t.deepEqual(readdirSync(directory), []);
});
