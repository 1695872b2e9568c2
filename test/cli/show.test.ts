/*
 * `elfinterp show` as users see it: in terminals of several widths, as data, as a picture and a page.
 */
import {copyFileSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import test, {type ExecutionContext} from 'ava';
import {
  clippedNames,
  closeBrowser,
  openPage,
  overflow,
  paleTexts,
  pictureFaults,
} from '../helpers/browser.js';
import {elfinterp, program} from '../helpers/cli.js';
import {fixture, fixtures} from '../helpers/fixtures.js';
import {readelfInterpreter, readelfSegments} from '../helpers/readelf.js';
import {copyFixture, tempDirectory, tempFile} from '../helpers/temp.js';
import {output, type RunResult, run, withTools} from '../helpers/tools.js';

test.after.always(closeBrowser);

const probe = fixture('x86_64/probe-pie').path;

function show(args: readonly string[], env: NodeJS.ProcessEnv = {}): RunResult {
  return elfinterp(['show', ...args], {env: {LC_ALL: 'C.UTF-8', ...env}});
}

/** Run in a separate terminal, and return what it would show, including escape sequences. */
function inTerminal(t: ExecutionContext, file: string, columns: number, env: NodeJS.ProcessEnv = {}): string {
  const command = `stty cols ${columns}; exec ${process.execPath} ${program} show ${file}`;
  const log = path.join(tempDirectory(t), 'typescript');
  return output('script', ['-qec', command, log], {
    env: {LC_ALL: 'C.UTF-8', TERM: 'xterm', ...env},
  }).replaceAll('\r', '');
}

const esc = '\u001b';

test(
  'it says what a program is',
  withTools((t) => {
    const {status, stdout, stderr} = show([probe]);
    t.deepEqual([status, stderr], [0, '']);
    t.true(stdout.startsWith(`${probe}: PIE program for x86_64, 64-bit, little-endian\n`));
    t.regex(stdout, new RegExp(`^ {2}interpreter +${readelfInterpreter(probe)}$`, 'm'));
    t.regex(stdout, /^ {2}needs +glibc 2\.34 or newer, Linux 3\.2\.0 or newer$/m);
    t.regex(stdout, /^ {2}libraries +libc\.so\.6$/m);
    for (const title of ['map', 'regions', 'segments', 'dynamic entries']) {
      t.true(stdout.includes(`\n\n${title}\n`), title);
    }
  }),
);

test(
  'every segment of readelf is there',
  withTools((t) => {
    const lines = show([probe]).stdout.split('\n');
    for (const {type, p_offset, p_filesz} of readelfSegments(probe)) {
      const size = String(p_filesz).replace(/\B(?=(\d{3})+$)/g, ',');
      const wanted = new RegExp(`^ {2}PT_${type} .* 0x${p_offset.toString(16)} +${size} {2}at `);
      t.true(
        lines.some((line) => wanted.test(line)),
        `${wanted}`,
      );
    }
  }),
);

for (const columns of [40, 60, 80, 200]) {
  test(`no line is longer than ${columns} columns where that is the width, for any fixture`, (t) => {
    for (const {path: file} of fixtures) {
      const {status, stdout} = elfinterp(['show', path.basename(file)], {
        cwd: path.dirname(file),
        env: {LC_ALL: 'C.UTF-8', COLUMNS: String(columns)},
      });
      t.is(status, 0);
      for (const line of stdout.split('\n').slice(1))
        t.true(line.length <= columns, `${line.length}: ${line}`);
    }
  });
}

test('no width is too much', (t) => {
  for (const columns of ['1e9', 'Infinity', '99999999999999999999', '1e-9', '-Infinity', 'NaN']) {
    const {status, stdout} = show([probe], {COLUMNS: columns, LC_ALL: 'C'});
    t.is(status, 0, columns);
    t.true(stdout.split('\n').every((line) => line.length <= 65535));
  }
});

test('the strip is drawn to scale', (t) => {
  const {map, size} = JSON.parse(show(['--json', probe]).stdout) as {
    map: {kind: string; size: number}[];
    size: number;
  };
  const strip = /^ {2}file +(\S.*)$/m.exec(show([probe], {COLUMNS: '200', LC_ALL: 'C'}).stdout)?.[1] ?? '';
  t.is(strip.length, 200 - 17);
  const share = (kind: string) =>
    map.filter((region) => region.kind === kind).reduce((sum, region) => sum + region.size, 0) / size;
  for (const [kind, mark] of [
    ['slack', '-'],
    ['header', 'H'],
    ['unloaded', ':'],
    ['data', 'w'],
  ] as const) {
    const places = [...strip].filter((character) => character === mark).length;
    t.true(Math.abs(places - share(kind) * strip.length) <= 5, `${kind}: ${places} of ${strip}`);
  }
});

test('without UTF-8 in the locale it is plain ASCII, with it block characters are used', (t) => {
  t.notRegex(show([probe], {LC_ALL: 'C'}).stdout, /[^\n\x20-\x7e]/);
  t.regex(show([probe]).stdout, /█/);
});

test(
  'colour is for a terminal alone, and NO_COLOR forbids it there',
  withTools((t) => {
    t.false(show([probe]).stdout.includes(esc));
    t.true(inTerminal(t, probe, 100).includes(`${esc}[34m`));
    t.false(inTerminal(t, probe, 100, {NO_COLOR: '1'}).includes(esc));
    t.false(inTerminal(t, probe, 100, {TERM: 'dumb'}).includes(esc));
  }),
);

for (const columns of [60, 200]) {
  test(
    `a terminal of ${columns} columns is filled and not overrun`,
    withTools((t) => {
      const lines = inTerminal(t, probe, columns)
        .replaceAll(new RegExp(`${esc}\\[\\d+m`, 'g'), '')
        .split('\n');
      const widths = lines.slice(1).map((line) => line.length);
      t.true(Math.max(...widths) <= columns);
      t.true(Math.max(...widths) >= columns - 1);
    }),
  );
}

test(
  'names that a file brought along do not steer the terminal',
  withTools((t) => {
    const file = hostile(t);
    for (const args of [[file], [file, '--diff', probe]]) {
      const {stdout} = show(args);
      t.notRegex(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
      t.true(stdout.includes('\\x1b]0;owned\\x07\\u202e'));
    }
  }),
);

test('--json has the facts, null where there are none, and the map', (t) => {
  const shown = JSON.parse(show(['--json', probe]).stdout) as Record<string, unknown>;
  t.like(shown, {
    file: probe,
    machine: 'x86_64',
    kind: 'pie-program',
    interpreter: '/lib64/ld-linux-x86-64.so.2',
    needed: ['libc.so.6'],
    rpath: null,
    soname: null,
    glibc: '2.34',
    unreadable: [],
  });
  const map = shown.map as {offset: number; size: number; name: string; address: string | null}[];
  t.is(map.find(({name}) => name === 'ELF header')?.address, '0x0');
  t.is(
    map.reduce((sum, {size}) => sum + size, 0),
    shown.size as number,
  );
  t.deepEqual(JSON.parse(show(['--format', 'json', probe]).stdout), shown);
});

test('what is no ELF file, is not there, or is asked for in an unknown format is refused', (t) => {
  const text = tempFile(t, 'plain text');
  t.like(show([text]), {
    status: 1,
    stdout: '',
    stderr: `elfinterp: ${text}: not an ELF file (at offset 0x0, expected 7f 45 4c 46, got 70 6c 61 69)\n`,
  });
  t.like(show(['/nowhere/at-all']), {status: 1, stdout: ''});
  t.is(show(['--format', 'pdf', probe]).status, 2);
  t.is(show([probe, '--diff', text]).status, 1);
});

test('a damaged file is shown as far as it can be read', (t) => {
  const file = tempFile(t, readFileSync(probe).subarray(0, 3000));
  const {status, stdout} = show([file]);
  t.is(status, 0);
  t.regex(stdout, /^ {2}unreadable +.*the file ends too early/m);
  t.regex(stdout, /program headers$/m);
  for (const format of ['html', 'svg', 'json']) t.is(show([file, '--format', format]).status, 0);
});

/** A file, and the same with another interpreter. */
function editedPair(t: ExecutionContext): [string, string] {
  const before = copyFixture(t, 'x86_64/probe-pie');
  const after = path.join(tempDirectory(t), 'after');
  t.is(elfinterp(['set', before, '/opt/a/much/longer/path/to/ld.so', '--output', after]).status, 0);
  return [before, after];
}

test('--diff says what an edit changed, and where', (t) => {
  const [before, after] = editedPair(t);
  const {status, stdout} = show([before, '--diff', after]);
  t.is(status, 0);
  t.regex(stdout, /^- interpreter +\/lib64\/ld-linux-x86-64\.so\.2$/m);
  t.regex(stdout, /^\+ interpreter +\/opt\/a\/much\/longer\/path\/to\/ld\.so$/m);
  t.regex(stdout, /^ {2}resized +. \.interp: 0x[0-9a-f]+, 28 bytes -> 0x[0-9a-f]+, 33 bytes$/m);
  t.regex(stdout, /^ {2}changed +\^/m);
  t.notRegex(stdout, /\.text/);
});

test('--diff of a file with itself finds nothing', (t) => {
  const {stdout} = show([probe, '--diff', probe]);
  t.regex(stdout, /no byte differs/);
  t.is(stdout.match(/^ {2}the same$/gm)?.length, 2);
});

test('--diff --json lists the changed ranges and regions', (t) => {
  const [before, after] = editedPair(t);
  const {changed, regions} = JSON.parse(show([before, '--diff', after, '--json']).stdout) as {
    changed: {offset: number; size: number}[];
    regions: {change: string; before: {name: string} | null; after: {name: string} | null}[];
  };
  t.true(changed.length > 0);
  t.is(regions.find((region) => region.after?.name === '.interp')?.change, 'resized');
  t.true(regions.every(({change}) => change !== 'same'));
});

/** A program with sections, a search path and a name that attack whatever shows them. */
function hostile(t: ExecutionContext): string {
  const file = path.join(tempDirectory(t), '<img src=x onerror=alert(1)>&"\'');
  copyFileSync(probe, file);
  const name = '"><script>alert(2)</script><img src=x onerror=alert(3)>';
  output('objcopy', ['--rename-section', `.comment=${name}`, file]);
  output('objcopy', ['--rename-section', `.data=${esc}]0;owned\u0007\u202e`, file]);
  t.is(elfinterp(['edit', file, '--runpath', '"><svg onload=alert(4)>']).status, 0);
  return file;
}

/** Write what is shown to a file for a browser, and return its address. */
function saved(t: ExecutionContext, args: readonly string[], extension: string): string {
  const {status, stdout, stderr} = show(args);
  t.deepEqual([status, stderr], [0, '']);
  return pathToFileURL(tempFile(t, stdout, `page.${extension}`)).href;
}

for (const sight of [{}, {dark: true}, {width: 360}]) {
  const how = JSON.stringify(sight).replaceAll('"', '');
  test.serial(
    `the page can be read, and nothing overflows ${how}`,
    withTools(async (t) => {
      const [before, after] = editedPair(t);
      for (const args of [[probe], [fixture('mips64el/probe-exec').path], [before, '--diff', after]]) {
        const address = saved(t, [...args, '--format', 'html'], 'html');
        const {page, complaints, requests} = await openPage(t, address, sight);
        t.deepEqual(await paleTexts(page), []);
        t.deepEqual(await clippedNames(page), []);
        t.true((await overflow(page)) <= 0);
        t.deepEqual([complaints, requests], [[], []]);
      }
    }),
  );
}

test.serial(
  'the page says what the text says',
  withTools(async (t) => {
    const {page} = await openPage(t, saved(t, ['--format', 'html', probe], 'html'));
    t.is(await page.title(), probe);
    t.regex(await page.innerText('dl.facts'), /glibc 2\.34 or newer/);
    const {map} = JSON.parse(show(['--json', probe]).stdout) as {map: {name: string}[]};
    const names = await page.locator('[aria-label="Regions of the file"] tbody td.name').allInnerTexts();
    t.deepEqual(
      names,
      map.map(({name}) => name),
    );
    const widths = await page
      .locator('.whole .strip span')
      .evaluateAll((blocks) => blocks.map((block) => block.getBoundingClientRect().width));
    const strip = await page.locator('.whole .strip').boundingBox();
    const sum = widths.reduce((a, b) => a + b, 0);
    t.true(Math.abs(sum - (strip?.width ?? 0)) < 2, `${sum} of ${strip?.width}`);
  }),
);

test.serial(
  'names that a file brought along are text on the page and in the picture, and nothing more',
  withTools(async (t) => {
    const file = hostile(t);
    for (const format of ['html', 'svg']) {
      for (const args of [[file], [file, '--diff', probe], [probe, '--diff', file]]) {
        const address = saved(t, [...args, '--format', format], format);
        const {page, complaints, requests} = await openPage(t, address);
        t.is(
          await page.locator('script, img, svg svg, [onload], [onerror], a, iframe, parsererror').count(),
          0,
        );
        t.deepEqual([complaints, requests], [[], []]);
        if (args.length === 1) t.true((await page.content()).includes('&lt;script&gt;alert(2)'), format);
      }
    }
  }),
);

test.serial(
  'the picture is well-formed, its texts do not overlap, and they stay inside its frame',
  withTools(async (t) => {
    const [before, after] = editedPair(t);
    for (const args of [[probe], [fixture('s390x/probe-pie').path], [before, '--diff', after]]) {
      const {page} = await openPage(t, saved(t, [...args, '--format', 'svg'], 'svg'));
      t.deepEqual(await pictureFaults(page, 960), []);
      t.true((await page.locator('text').count()) > 8);
    }
  }),
);

test.serial(
  'of many thousand regions the largest are shown',
  withTools((t) => {
    const functions = Array.from({length: 4000}, (_, i) => `int f${i}(int n) { return n * ${i} + 3; }`);
    const code = tempFile(t, functions.join('\n'), 'many.c');
    const object = path.join(tempDirectory(t), 'many.o');
    output('gcc', ['-c', '-ffunction-sections', '-o', object, code]);
    const {status, stdout} = show([object]);
    t.is(status, 0);
    t.regex(stdout, /smaller regions not shown: [\d,]+/);
    t.true(stdout.split('\n').length < 200);
    t.true(show([object, '--format', 'html']).stdout.length < 500_000);
  }),
);

test.serial('the reader may leave early', (t) => {
  const command = `${process.execPath} ${program} show ${probe} | head -n 1`;
  t.like(run('/bin/sh', ['-c', command]), {status: 0, stderr: ''});
});
