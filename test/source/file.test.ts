import {appendFileSync, chmodSync, mkdirSync, readFileSync, symlinkSync, truncateSync} from 'node:fs';
import {createServer} from 'node:net';
import path from 'node:path';
import test from 'ava';
import {ElfView} from '../../src/elf/view.js';
import {fileSource} from '../../src/source/file.js';
import {elfinterpAsNobody} from '../helpers/cli.js';
import {fixture, fixtureBytes} from '../helpers/fixtures.js';
import {copyFixture, tempDirectory, tempFile} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';

test('reads a file by range, at its head and far from it', (t) => {
  const bytes = fixtureBytes('aarch64/probe-pie');
  const source = fileSource(fixture('aarch64/probe-pie').path);
  t.teardown(() => source.close());
  t.is(source.size, bytes.length);
  t.is(source.stats.size, bytes.length);
  for (const [offset, length] of [
    [0, 64],
    [1, 4095],
    [4090, 20],
    [4096, 1],
    [60_000, 5000],
    [bytes.length, 0],
  ] as const)
    t.deepEqual(
      Buffer.from(source.read(offset, length)),
      bytes.subarray(offset, offset + length),
      `${offset}`,
    );
  t.throws(() => source.read(bytes.length - 3, 4), {
    code: 'TRUNCATED',
    message: /expected 4 bytes, got 3 bytes/,
  });
});

test('a symbolic link is followed', (t) => {
  const link = path.join(tempDirectory(t), 'link');
  symlinkSync(fixture('i386/probe-pie').path, link);
  const source = fileSource(link);
  t.is(new ElfView(source).header.e_machine, 3);
  source.close();
});

test('closing twice is closing once', (t) => {
  const source = fileSource(fixture('i386/probe-pie').path);
  source.close();
  t.notThrows(() => source.close());
});

test('a missing file, in words', (t) => {
  const missing = path.join(tempDirectory(t), 'missing');
  const error = t.throws(() => fileSource(missing), {
    code: 'FILE_SYSTEM',
    message: `${missing}: cannot open: no such file or directory`,
  });
  t.like(error?.cause, {code: 'ENOENT'});
  t.throws(() => fileSource(path.join(fixture('i386/probe-pie').path, 'x')), {
    message: /cannot open: a component of the path is not a directory$/,
  });
});

test('a directory, in words', (t) => {
  const directory = tempDirectory(t);
  t.throws(() => fileSource(directory), {
    code: 'NOT_A_FILE',
    message: `${directory}: not a regular file (expected a regular file, got a directory)`,
  });
});

test(
  'a FIFO without a writer is refused at once',
  withTools((t) => {
    const fifo = path.join(tempDirectory(t), 'fifo');
    output('mkfifo', [fifo]);
    t.throws(() => fileSource(fifo), {code: 'NOT_A_FILE', message: /got a FIFO\)$/});
  }),
);

test('a device is not read', (t) => {
  t.throws(() => fileSource('/dev/zero'), {code: 'NOT_A_FILE', message: /got a device\)$/});
});

test('a socket is refused', async (t) => {
  const socket = path.join(tempDirectory(t), 'socket');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.teardown(() => server.close());
  t.throws(() => fileSource(socket), {code: 'NOT_A_FILE', message: /got a socket\)$/});
});

test('a file that this user may not read, in words', (t) => {
  const file = tempFile(t, 'secret');
  chmodSync(file, 0);
  chmodSync(path.dirname(file), 0o755);
  const {stdout} = elfinterpAsNobody(['get', '--json', file]);
  const [{error}] = JSON.parse(stdout);
  t.deepEqual(error, {code: 'FILE_SYSTEM', message: `${file}: cannot open: permission denied`});
});

test('an empty file and a text file open, and are not ELF', (t) => {
  const view = (content: string) => {
    const source = fileSource(tempFile(t, content));
    t.teardown(() => source.close());
    return new ElfView(source);
  };
  t.throws(() => view(''), {code: 'NOT_ELF', message: /: the file is empty /});
  t.throws(() => view('just a text\n'), {code: 'NOT_ELF', message: /: not an ELF file .*got 6a 75 73 74\)$/});
});

test('a file that becomes shorter while it is read is CHANGED, not half an answer', (t) => {
  const copy = copyFixture(t, 'aarch64/probe-pie');
  const source = fileSource(copy);
  t.teardown(() => source.close());
  truncateSync(copy, 50_000);
  t.throws(() => source.read(48_000, 5000), {
    code: 'CHANGED',
    message: `${copy}: the file was truncated while being read (at offset 0xc350, expected 5000 bytes at 48000, got 2000 bytes)`,
  });
});

test('what is appended after opening is not seen', (t) => {
  const copy = copyFixture(t, 'i386/probe-pie');
  const source = fileSource(copy);
  t.teardown(() => source.close());
  appendFileSync(copy, 'more');
  t.is(source.size, readFileSync(copy).length - 4);
});

test('more than 2 GB at once are an ElfError', (t) => {
  const file = tempFile(t, '');
  truncateSync(file, 5 * 2 ** 30);
  const source = fileSource(file);
  t.teardown(() => source.close());
  t.throws(() => source.read(0, 4.5 * 2 ** 30), {
    code: 'BAD_ELF',
    message: /too much to read at once \(at offset 0x0, expected at most 1073741824 bytes, got 4831838208\)$/,
  });
});

test('a name with control characters does not reach the terminal raw', (t) => {
  const directory = path.join(tempDirectory(t), 'a\u001b[31m');
  mkdirSync(directory);
  t.throws(() => fileSource(directory), {message: /a\\x1b\[31m: not a regular file/});
});

test('the memory of a file that is closed serves the next one only where that was asked for', (t) => {
  const [one, two] = [tempFile(t, Buffer.alloc(100, 1)), tempFile(t, Buffer.alloc(100, 2))];
  const look = (path: string, end: 'close' | 'recycle') => {
    const source = fileSource(path);
    const bytes = source.read(0, 100);
    source[end]();
    return bytes;
  };
  const kept = look(one, 'close');
  const lent = look(one, 'recycle');
  look(two, 'recycle');
  t.is(lent[0], 2);
  t.deepEqual(Buffer.from(kept), Buffer.alloc(100, 1));
});
