/*
 * The progress of long work: shown only on a terminal, only if it takes long, and erased afterwards.
 */
import {chmodSync, copyFileSync, statSync, truncateSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {applyPlan, bundle, openElfSync, type Plan, type Progress, planEdit} from '../../src/index.js';
import {fixture} from '../helpers/fixtures.js';
import {copyFixture, tempDirectory} from '../helpers/temp.js';
import {withTools} from '../helpers/tools.js';
import {elfinterp, onTerminal} from './elfinterp.js';

const name = 'x86_64/probe-pie';
const shown = '\r\x1b[K';

/** What remains on a terminal of what was printed there. */
function leftOn(printed: string): string {
  return printed
    .split('\n')
    .map((line) => line.slice(line.lastIndexOf(shown) + 1).replace('\x1b[K', ''))
    .join('\n');
}

test(
  'a large copy is shown on a terminal, and nothing of it stays',
  withTools((t) => {
    const file = copyFixture(t, name);
    truncateSync(file, 1 << 28);
    const copy = `${file}-copy`;
    const printed = onTerminal({}, 'set', '--output', copy, file, '/opt/ld.so');
    t.true(printed.includes(`${shown}copying 256.0 MiB: ${file}`), printed);
    t.false(leftOn(printed).includes('copying'), printed);
    t.is(statSync(copy).size, 1 << 28);
    t.is(onTerminal({TERM: 'dumb'}, 'set', '--output', copy, file, '/opt/ld.so').indexOf('\x1b'), -1);
    t.is(elfinterp('set', '--output', copy, file, '/opt/ld.so').stderr, '');
  }),
);

test(
  'a small one is not',
  withTools((t) => {
    t.false(onTerminal({}, 'set', copyFixture(t, name), '/opt/ld.so').includes('\x1b'));
    const into = path.join(tempDirectory(t), 'chroot');
    t.false(onTerminal({NO_COLOR: '1'}, 'get', fixture(name).path).includes('\x1b'));
    t.false(elfinterp('bundle', '/bin/true', '--into', into).stderr.includes('copying'));
  }),
);

function plan(file: string): Plan {
  const elf = openElfSync(file);
  try {
    return planEdit(elf.view, {interpreter: '/opt/ld.so'});
  } finally {
    void elf.close();
  }
}

test('the copy of a large file is reported from its first byte to its last', async (t) => {
  const file = copyFixture(t, name);
  const total = 9 << 20;
  truncateSync(file, total);
  // A setuid file is copied block by block on every file system.
  chmodSync(file, 0o4755);
  const reports: Progress[] = [];
  await applyPlan(file, plan(file), {onProgress: (report) => reports.push(report)});
  const done = reports.map((report) => report.done);
  t.is(done[0], 0);
  t.is(done.at(-1), total);
  t.deepEqual(
    done,
    done.toSorted((a, b) => a - b),
  );
  t.true(done.length > 3);
  for (const report of reports) t.like(report, {step: 'copying', path: file, total});
});

test('a bundle tells what it reads and what it copies', async (t) => {
  const data = path.join(tempDirectory(t), 'data');
  copyFileSync('/bin/true', data);
  truncateSync(data, 3 << 20);
  const reports: Progress[] = [];
  const {files} = await bundle(['/bin/true'], {
    into: path.join(tempDirectory(t), 'chroot'),
    files: [{source: data}],
    onProgress: (report) => reports.push(report),
  });
  const read = reports.filter(({step, path: file}) => step === 'reading' && file === data);
  t.deepEqual(
    read.map(({done, total}) => [done, total]),
    [0, 1, 2].map((piece) => [piece << 20, 3 << 20]),
  );
  const copied = reports.filter(({step, done}) => step === 'copying' && done === 0);
  t.deepEqual(
    copied.map(({path: file, total}) => [file, total]),
    files.map(({source, size}) => [source, size]),
  );
});
