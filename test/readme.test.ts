/*
 * What the README promises: its commands as printed, from an empty directory with the packed package, its links, and
 * the recording.
 */
import {chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import test from 'ava';
import {closeBrowser, openPage, pictureFaults} from './helpers/browser.js';
import {projectDirectory} from './helpers/cli.js';
import {fixture} from './helpers/fixtures.js';
import {userDirectory} from './helpers/package.js';
import {readelfInterpreter} from './helpers/readelf.js';
import {readmeBlocks} from './helpers/readme.js';
import {output, run, withTools} from './helpers/tools.js';

test.after.always(closeBrowser);

const readme = readFileSync(path.join(projectDirectory, 'README.md'), 'utf8');

/** Run by test/workflow.test.ts, in the chroot that takes minutes to make. */
const longest = 'Build an ARM chroot';

test('the README has a block of commands for each task', (t) => {
  t.deepEqual(
    readmeBlocks().map(({heading}) => heading),
    [
      'Pack a program into one file',
      'Relocate a program with its libraries',
      'Change a binary',
      longest,
      'Replace patchelf',
      'Look inside',
    ],
  );
});

for (const {heading, commands} of readmeBlocks()) {
  if (heading === longest) continue;
  test(
    `README, ${heading}: the commands do as printed`,
    withTools((t) => {
      const {directory: cwd, env} = userDirectory(t);
      putProgram(cwd);
      for (const command of commands) {
        const {status, stderr} = run('bash', ['-c', command], {cwd, env});
        t.is(status, 0, `${command}\n${stderr}`);
      }
      if (heading === 'Replace patchelf')
        t.is(output('./patchelf', ['--version'], {cwd, env}), 'patchelf 0.19.0\n');
    }),
  );
}

/** The file that the commands name. */
function putProgram(directory: string): void {
  const program = path.join(directory, 'program');
  copyFileSync(fixture('x86_64/needs-libprobe-rpath').path, program);
  chmodSync(program, 0o755);
}

for (const command of ['elfinterp set --dry-run program /opt/app/ld.so', 'elfinterp tree /usr/bin/xz']) {
  test(`README: what ${command} prints`, (t) => {
    const {directory: cwd, env} = userDirectory(t);
    copyFileSync('/usr/bin/xz', path.join(cwd, 'program'));
    const printed = withoutFigures(output('bash', ['-c', command], {cwd, env}));
    const blocks = [...readme.matchAll(/^```text\n(.*?)^```$/gms)].map(([, text = '']) =>
      withoutFigures(text),
    );
    const [first = ''] = printed;
    const shown = blocks.find((lines) => lines[0] === first) ?? [];
    t.true(shown.length > 3);
    // Another release of xz may have other tables, so only require that every line shown is printed.
    t.deepEqual(
      shown.filter((line) => !printed.includes(line)),
      [],
    );
  });
}

/** Lines without what differs between releases of Debian. */
function withoutFigures(text: string): string[] {
  return text.trim().split('\n').map(withoutRelease);
}

/** A line without its numbers, and without the name by which ld.so.cache knows /lib. */
function withoutRelease(line: string): string {
  return line
    .replaceAll(/0x[\da-f]+|\d+/g, 'N')
    .replaceAll(/\s+/g, ' ')
    .replaceAll('/usr/lib/', '/lib/');
}

test('the lines of code in the README do what they say', (t) => {
  const {directory} = userDirectory(t);
  putProgram(directory);
  const [, code = ''] = /^```ts\n(.*?)^```$/ms.exec(readme) ?? [];
  writeFileSync(path.join(directory, 'readme.mjs'), code);
  t.regex(output(process.execPath, ['readme.mjs'], {cwd: directory}), /reason: 'the interpreter, /);
  t.is(readelfInterpreter(path.join(directory, 'program')), '/opt/app/ld.so');
});

test('what the README and the documents link to is there', (t) => {
  const pages = readdirSync(path.join(projectDirectory, 'docs')).filter((name) => name.endsWith('.md'));
  for (const document of [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...pages.map((name) => `docs/${name}`),
  ]) {
    const file = path.join(projectDirectory, document);
    for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g))
      t.true(existsSync(path.resolve(path.dirname(file), target)), `${document}: ${target}`);
  }
});

/** The words of a recording, line by line, without what differs between releases of Debian. */
function wordsOf(svg: string): string[] {
  const lines = [...svg.matchAll(/<g class="line".*$/gm)].map(([line]) => line.replaceAll(/<[^>]*>/g, ' '));
  return lines.map((line) => withoutRelease(line).trim()).toSorted();
}

test(
  'the recording shows what its commands print today',
  withTools((t) => {
    const recorded = readFileSync(path.join(projectDirectory, 'docs', 'recording.svg'), 'utf8');
    const now = output(process.execPath, [path.join(projectDirectory, 'scripts', 'record.js'), '--print']);
    t.deepEqual(wordsOf(recorded), wordsOf(now));
    t.true(wordsOf(now).length > 15);
  }),
);

test(
  'the recording is read in light and dark, its texts do not overlap, and it ends with all of them',
  withTools(async (t) => {
    const file = path.join(projectDirectory, 'docs', 'recording.svg');
    const [, width] = /width="(\d+)"/.exec(readFileSync(file, 'utf8')) ?? [];
    for (const dark of [false, true]) {
      const {page} = await openPage(t, pathToFileURL(file).href, {dark});
      t.deepEqual(await pictureFaults(page, Number(width)), []);
      const colors = await page.evaluate(() =>
        ['.window', 'text.command'].map(
          (name) => getComputedStyle(document.querySelector(name) as Element).fill,
        ),
      );
      const [paper = 0, ink = 0] = colors.map((color) => Number(/\d+/.exec(color)?.[0]));
      t.true(dark ? ink - paper > 150 : paper - ink > 150, colors.join(' on '));
      const shown = await page.evaluate(() => {
        for (const animation of document.getAnimations()) animation.finish();
        return [...document.querySelectorAll('g')].every(
          (line) => getComputedStyle(line).visibility === 'visible',
        );
      });
      t.true(shown);
    }
  }),
);
