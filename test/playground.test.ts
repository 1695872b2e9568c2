/*
 * docs/playground.html in headless Chromium, with real files: what it offers for download is what `elfinterp edit`
 * makes, and nothing leaves the page.
 */
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {copyFileSync, createReadStream, readFileSync, truncateSync} from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import test, {type ExecutionContext} from 'ava';
import type {Page} from 'playwright-core';
import {
  clippedNames,
  closeBrowser,
  openPage,
  overflow,
  paleTexts,
  type Sight,
  type WatchedPage,
} from './helpers/browser.js';
import {elfinterp, projectDirectory} from './helpers/cli.js';
import {fixture, fixtureBytes} from './helpers/fixtures.js';
import {readelfInterpreter} from './helpers/readelf.js';
import {tempDirectory, tempFile} from './helpers/temp.js';
import {output, pathOf, withTools} from './helpers/tools.js';

test.after.always(closeBrowser);

const playground = path.join(projectDirectory, 'docs', 'playground.html');

async function openPlayground(t: ExecutionContext, sight: Sight = {}): Promise<WatchedPage> {
  return openPage(t, pathToFileURL(playground).href, sight);
}

/** Choose a file, and wait until it is shown or refused. */
async function choose(page: Page, file: string): Promise<void> {
  await page.locator('#picker').setInputFiles(file);
  await page.locator('#shown:not([hidden]), #error:not([hidden])').waitFor();
}

/** What a user can request. */
interface Wish {
  readonly interpreter?: string;
  readonly runpath?: string;
  readonly rpath?: string;
  readonly removeRpath?: boolean;
}

async function fill(page: Page, {interpreter, runpath, rpath, removeRpath}: Wish): Promise<void> {
  if (interpreter !== undefined) await page.getByLabel('Interpreter').fill(interpreter);
  const kind = removeRpath ? 'remove' : rpath === undefined ? 'runpath' : 'rpath';
  if (removeRpath || (rpath ?? runpath) !== undefined)
    await page.getByLabel('Kind of search path').selectOption(kind);
  if ((rpath ?? runpath) !== undefined)
    await page.getByLabel('Library search path').fill(rpath ?? runpath ?? '');
}

function optionsOf({interpreter, runpath, rpath, removeRpath}: Wish): string[] {
  return [
    ...(interpreter === undefined ? [] : ['--interpreter', interpreter]),
    ...(runpath === undefined ? [] : ['--runpath', runpath]),
    ...(rpath === undefined ? [] : ['--rpath', rpath]),
    ...(removeRpath ? ['--remove-rpath'] : []),
  ];
}

/** Download what the page offers, and return the path of the copy. */
async function download(page: Page): Promise<string> {
  const [offered] = await Promise.all([page.waitForEvent('download'), page.locator('#download').click()]);
  return offered.path();
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

const qemu = pathOf('qemu-arm');

function requireQemu(): string {
  output('qemu-arm', ['--version']);
  return qemu;
}

/**
 * Request the same from the page and the command line; both must make the same bytes, or refuse with the same words.
 */
async function assertSame(t: ExecutionContext, file: string, wish: Wish): Promise<void> {
  const edited = path.join(tempDirectory(t), 'edited');
  const {status, stderr} = elfinterp(['edit', file, ...optionsOf(wish), '--output', edited]);
  const {page, complaints, requests} = await openPlayground(t);
  await choose(page, file);
  await fill(page, wish);
  if (status !== 0) {
    await page.locator('#plan-error:not([hidden])').waitFor();
    t.is(`elfinterp: ${path.dirname(file)}/${await page.innerText('#plan-error')}\n`, stderr);
    return;
  }
  await page.locator('#download:not([hidden])').waitFor();
  t.is(await hashOf(await download(page)), await hashOf(edited));
  t.deepEqual([complaints, requests], [[], []]);
}

test.serial('the committed page is what the build makes, and it is small', (t) => {
  const built = output(process.execPath, [
    path.join(projectDirectory, 'scripts/build-playground.js'),
    '--print',
  ]);
  const committed = readFileSync(playground, 'utf8');
  t.true(built === committed, 'npm run build:playground');
  t.true(committed.length < 220_000, `${committed.length} bytes`);
});

test.serial(
  'qemu-arm patched in the page is the file that `elfinterp edit` makes, and asks for the new loader',
  withTools(async (t) => {
    const wish = {
      interpreter: '/debootstrap/qemu-libs/ld-linux-x86-64.so.2',
      rpath: '/debootstrap/qemu-libs',
    };
    await assertSame(t, requireQemu(), wish);
    const {page} = await openPlayground(t);
    await choose(page, qemu);
    await fill(page, wish);
    await page.locator('#download:not([hidden])').waitFor();
    t.is(readelfInterpreter(await download(page)), wish.interpreter);
  }),
);

const wishes: readonly [string, Wish][] = [
  ['x86_64/probe-pie', {interpreter: '/opt/a/longer/interpreter/than/there/was/before/ld.so'}],
  ['x86_64/probe-pie', {interpreter: '/ld.so', runpath: '$ORIGIN/../lib:/opt/lib'}],
  ['armhf/probe-pie', {interpreter: '/opt/a/longer/interpreter/ld.so', rpath: '/opt/lib'}],
  ['s390x/probe-exec', {interpreter: '/opt/a/longer/interpreter/ld.so', runpath: '/opt/lib'}],
  ['x86_64/needs-libprobe-rpath', {removeRpath: true}],
  ['x86_64/needs-libprobe-rpath', {rpath: '/another'}],
  ['x86_64/libprobe.so.1', {runpath: '$ORIGIN'}],
  ['x86_64/probe-nosections', {interpreter: '/opt/a/longer/interpreter/ld.so'}],
  ['mips64el/probe-lld-exec', {interpreter: '/opt/a/longer/interpreter/than/there/is/room/for/ld.so'}],
  ['x86_64/probe-mold-pie', {interpreter: '/opt/a/longer/interpreter/ld.so', runpath: '/opt/lib'}],
];

for (const [name, wish] of wishes) {
  test.serial(
    `${name} ${JSON.stringify(wish)}: the page does what the command line does`,
    withTools((t) => assertSame(t, fixture(name).path, wish)),
  );
}

test.serial(
  'the plan says what changes, where and why, and gives the command for it',
  withTools(async (t) => {
    const {page} = await openPlayground(t);
    await choose(page, fixture('x86_64/probe-pie').path);
    await fill(page, {interpreter: "/opt/it's here/a longer path/ld.so"});
    await page.locator('#plan-box:not([hidden])').waitFor();
    t.regex(await page.innerText('#plan .changes'), /interpreter: \/lib64\/.* -> \/opt\/it's here/);
    t.regex(await page.innerText('.ladder .taken'), /existing slack/);
    t.is(
      await page.innerText('#plan pre'),
      "elfinterp edit probe-pie --interpreter '/opt/it'\\''s here/a longer path/ld.so'",
    );
    const rows = await page.locator('[aria-label="Bytes to write"] tbody tr').allInnerTexts();
    t.true(rows.some((row) => /the interpreter/.test(row) && /"\/opt\/it's here/.test(row)));
    t.true((await page.locator('#comparison .marks i').count()) > 3);
    t.regex(await page.innerText('#status'), /ready/);
  }),
);

test.serial(
  'typing back to what the file has takes the plan away, and a wrong value says what is wrong',
  withTools(async (t) => {
    const {page} = await openPlayground(t);
    await choose(page, fixture('x86_64/probe-pie').path);
    await fill(page, {interpreter: 'relative/ld.so'});
    await page.locator('#plan-error:not([hidden])').waitFor();
    t.regex(await page.innerText('#plan-error'), /relative/);
    await page.getByRole('button', {name: 'Reset'}).click();
    await page.locator('#plan-error').waitFor({state: 'hidden'});
    t.is(await page.getByLabel('Interpreter').inputValue(), '/lib64/ld-linux-x86-64.so.2');
    t.true(await page.locator('#plan-box').isHidden());
  }),
);

test.serial(
  'of many changes in a row the last one counts',
  withTools(async (t) => {
    const {page} = await openPlayground(t);
    await choose(page, fixture('x86_64/probe-pie').path);
    await page.getByLabel('Interpreter').fill('');
    await page.getByLabel('Interpreter').pressSequentially('/opt/typed/letter/by/letter/ld.so', {delay: 20});
    await page.locator('#plan .changes', {hasText: '/opt/typed/letter/by/letter/ld.so'}).waitFor();
    const file = await download(page);
    t.is(readelfInterpreter(file), '/opt/typed/letter/by/letter/ld.so');
  }),
);

test.serial(
  'what was planned before the last key is not offered any more',
  withTools(async (t) => {
    const {page} = await openPlayground(t);
    await choose(page, fixture('x86_64/probe-pie').path);
    await fill(page, {interpreter: '/opt/first/ld.so'});
    await page.locator('#download:not([hidden])').waitFor();
    const isOffered = await page.getByLabel('Interpreter').evaluate((input) => {
      (input as HTMLInputElement).value = '/opt/second/ld.so';
      input.dispatchEvent(new Event('input', {bubbles: true}));
      return document.getElementById('download')?.hidden === false;
    });
    t.false(isOffered);
    await page.locator('#download:not([hidden])').waitFor();
    t.is(readelfInterpreter(await download(page)), '/opt/second/ld.so');
  }),
);

test.serial(
  'a file can be dropped, and another one takes its place',
  withTools(async (t) => {
    const {page, complaints} = await openPlayground(t);
    const drop = async (name: string) => {
      const base64 = fixtureBytes(name).toString('base64');
      const data = await page.evaluateHandle(
        ({base64: text, name: as}) => {
          const transfer = new DataTransfer();
          const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
          transfer.items.add(new File([bytes], as));
          return transfer;
        },
        {base64, name: path.basename(name)},
      );
      await page.dispatchEvent('body', 'drop', {dataTransfer: data});
      await page.locator('#name', {hasText: path.basename(name)}).waitFor();
    };
    await drop('armhf/probe-pie');
    t.regex(await page.innerText('#headline'), /for arm, 32-bit/);
    await drop('s390x/probe-exec');
    t.regex(await page.innerText('#headline'), /for s390x, 64-bit, big-endian/);
    t.deepEqual(complaints, []);
  }),
);

test.serial(
  'the sample is a program like any other',
  withTools(async (t) => {
    const {page, complaints} = await openPlayground(t);
    await page.getByRole('button', {name: 'sample'}).click();
    await page.locator('#shown:not([hidden])').waitFor();
    await fill(page, {interpreter: '/opt/ld.so'});
    await page.locator('#download:not([hidden])').waitFor();
    t.is(readelfInterpreter(await download(page)), '/opt/ld.so');
    t.deepEqual(complaints, []);
  }),
);

test.serial(
  'what cannot be edited is shown or refused with the reason',
  withTools(async (t) => {
    const {page, complaints} = await openPlayground(t);
    const refused = async (content: string | Uint8Array, reason: RegExp) => {
      await choose(page, tempFile(t, content));
      t.regex(await page.innerText('#error'), reason);
      t.true(await page.locator('#shown').isHidden());
    };
    await refused('#!/bin/sh\n', /not an ELF file, but a script/);
    await refused('MZ and so on', /a Windows program/);
    await refused('', /empty/);
    await refused('something else', /not an ELF file .*expected 7f 45 4c 46/);
    await refused(fixtureBytes('x86_64/probe-pie').subarray(0, 40), /ends too early/);
    await choose(page, fixture('x86_64/hello-static').path);
    t.true(await page.locator('#error').isHidden());
    t.true(await page.getByLabel('Interpreter').isDisabled());
    t.regex(await page.innerText('#interpreter-hint'), /static program has no interpreter/);
    await choose(page, fixture('x86_64/probe.o').path);
    t.regex(await page.innerText('#path-hint'), /object file has no library search path/);
    t.deepEqual(complaints, []);
  }),
);

test.serial(
  'a damaged program is shown as far as it can be read, and not edited',
  withTools(async (t) => {
    const {page, complaints} = await openPlayground(t);
    await choose(page, tempFile(t, fixtureBytes('x86_64/probe-pie').subarray(0, 5000)));
    t.regex(await page.innerText('#facts'), /unreadable/);
    t.true((await page.locator('#map .strip span').count()) > 1);
    await fill(page, {interpreter: '/opt/ld.so'});
    await page.locator('#plan-error:not([hidden])').waitFor();
    t.regex(await page.innerText('#plan-error'), /past the end of the file|ends too early/);
    t.deepEqual(complaints, []);
  }),
);

test.serial(
  'a file of more than 100 MB is patched, and the page answers while it is read',
  withTools(async (t) => {
    const large = path.join(tempDirectory(t), 'large');
    copyFileSync(fixture('x86_64/probe-pie').path, large);
    truncateSync(large, 120_000_000);
    const edited = path.join(tempDirectory(t), 'edited');
    const interpreter = '/opt/a/longer/interpreter/ld.so';
    t.is(elfinterp(['edit', large, '--interpreter', interpreter, '--output', edited]).status, 0);
    const {page} = await openPlayground(t);
    await page.locator('#picker').setInputFiles(large);
    t.is(await page.evaluate(() => document.title), 'elfinterp playground');
    await page.locator('#shown:not([hidden])').waitFor();
    await fill(page, {interpreter});
    await page.locator('#download:not([hidden])').waitFor();
    t.is(await hashOf(await download(page)), await hashOf(edited));
  }),
);

test.serial(
  'the page cannot reach a network, even if something in it tried',
  withTools(async (t) => {
    let visits = 0;
    const server = createServer((_, response) => {
      visits += 1;
      response.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const {page} = await openPlayground(t);
    await choose(page, fixture('x86_64/probe-pie').path);
    const tries = await page.evaluate(async (to) => {
      const image = new Image();
      image.src = to;
      navigator.sendBeacon?.(to, 'x');
      const fetched = await fetch(to).then(
        () => 'sent',
        () => 'refused',
      );
      const form = document.createElement('form');
      form.action = to;
      document.body.append(form);
      form.submit();
      return fetched;
    }, address);
    t.is(tries, 'refused');
    await page.waitForTimeout(300);
    t.is(visits, 0);
  }),
);

test.serial(
  'names that a file brought along are text, and nothing more',
  withTools(async (t) => {
    const file = path.join(tempDirectory(t), 'hostile');
    copyFileSync(fixture('x86_64/probe-pie').path, file);
    const name = '"><script>alert(2)</script><img src=x onerror=alert(3)>';
    output('objcopy', ['--rename-section', `.comment=${name}`, file]);
    t.is(elfinterp(['edit', file, '--runpath', '"><svg onload=alert(4)>']).status, 0);
    const {page, complaints, requests} = await openPlayground(t);
    await choose(page, file);
    await fill(page, {interpreter: '/opt/"><img src=x onerror=alert(5)>'});
    await page.locator('#download:not([hidden])').waitFor();
    t.is(await page.locator('main img, main script, main svg, [onload], [onerror]').count(), 0);
    t.true((await page.innerText('#facts')).includes('"><svg onload=alert(4)>'));
    t.deepEqual([complaints, requests], [[], []]);
  }),
);

test.serial(
  'everything is reached by keyboard and has a name',
  withTools(async (t) => {
    const {page} = await openPlayground(t);
    await page.keyboard.press('Tab');
    t.is(await page.evaluate(() => document.activeElement?.id), 'picker');
    const outline = await page
      .locator('label[for=picker]')
      .evaluate((label) => getComputedStyle(label).outlineWidth);
    t.is(outline, '3px');
    await choose(page, fixture('x86_64/probe-pie').path);
    const reached = new Set<string>();
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press('Tab');
      reached.add((await page.evaluate(() => document.activeElement?.id)) ?? '');
    }
    for (const id of ['sample', 'interpreter', 'path-kind', 'path', 'reset']) t.true(reached.has(id), id);
    for (const label of ['Choose a file', 'Interpreter', 'Library search path', 'Kind of search path']) {
      t.is(await page.getByLabel(label, {exact: true}).count(), 1, label);
    }
    t.is(await page.locator('html').getAttribute('lang'), 'en');
  }),
);

for (const sight of [{}, {dark: true}, {width: 360}, {width: 360, dark: true}]) {
  const how = JSON.stringify(sight).replaceAll('"', '');
  test.serial(
    `the page can be read, and nothing overflows ${how}`,
    withTools(async (t) => {
      const {page, complaints} = await openPlayground(t, sight);
      const assertReadable = async (state: string) => {
        t.deepEqual(await paleTexts(page), [], state);
        t.deepEqual(await clippedNames(page), [], state);
        t.true((await overflow(page)) <= 0, state);
      };
      await assertReadable('empty');
      await choose(page, tempFile(t, 'no ELF'));
      await assertReadable('refused');
      await choose(page, fixture('x86_64/probe-pie').path);
      for (const details of await page.locator('#tables summary').all()) await details.click();
      await assertReadable('opened');
      await fill(page, {interpreter: '/opt/a/longer/interpreter/ld.so', runpath: '/opt/lib'});
      await page.locator('#download:not([hidden])').waitFor();
      await assertReadable('planned');
      await fill(page, {interpreter: 'relative'});
      await page.locator('#plan-error:not([hidden])').waitFor();
      await assertReadable('not possible');
      t.deepEqual(complaints, []);
    }),
  );
}
