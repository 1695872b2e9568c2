/// <reference lib="dom" />
/*
 * Headless Chromium for tests that look at pages: Debian's package, with an empty profile and no network traffic of its
 * own.
 */
import {existsSync} from 'node:fs';
import type {ExecutionContext} from 'ava';
import {type Browser, chromium, type Page} from 'playwright-core';
import {MissingTool} from './tools.js';

const executable = '/usr/bin/chromium';

const quiet = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let running: Promise<Browser> | undefined;

/** One browser serves all tests of a file. */
async function browser(): Promise<Browser> {
  if (!existsSync(executable)) throw new MissingTool('chromium');
  running ??= chromium.launch({executablePath: executable, args: quiet, timeout: 120_000});
  return running;
}

/** Close it after the tests of a file. */
export async function closeBrowser(): Promise<void> {
  await (await running)?.close();
}

export interface Sight {
  readonly width?: number;
  readonly dark?: boolean;
}

/** A page with a profile of its own, and what went wrong in it or left it. */
export interface WatchedPage {
  readonly page: Page;
  /** Uncaught errors, and complaints on the console. */
  readonly complaints: string[];
  /** Every address requested, except the page's own. */
  readonly requests: string[];
}

/** Open an address and watch it; closed when the test ends. */
export async function openPage(
  t: ExecutionContext,
  address: string,
  sight: Sight = {},
): Promise<WatchedPage> {
  const context = await (await browser()).newContext({
    viewport: {width: sight.width ?? 1200, height: 900},
    colorScheme: sight.dark ? 'dark' : 'light',
    acceptDownloads: true,
  });
  t.teardown(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  const watched: WatchedPage = {page, complaints: [], requests: []};
  page.on('pageerror', (error) => watched.complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') watched.complaints.push(message.text());
  });
  page.on('dialog', (dialog) => {
    watched.complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (request.url() !== address && !/^(blob|data):/.test(request.url()))
      watched.requests.push(request.url());
  });
  await page.goto(address);
  return watched;
}

/**
 * List texts that are hard to read, whose contrast with their background is below 4.5 to 1 (WCAG 2, 1.4.3), each with
 * its ratio. Disabled controls are exempt, as in WCAG.
 */
export async function paleTexts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    type Rgb = [number, number, number];
    const parse = (color: string): [Rgb, number] => {
      const [r = 0, g = 0, b = 0, a = 1] = (color.match(/[\d.]+/g) ?? []).map(Number);
      return [[r, g, b], a];
    };
    const luminance = (rgb: Rgb) => {
      const [r = 0, g = 0, b = 0] = rgb
        .map((value) => value / 255)
        .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element: Element | null): Rgb => {
      for (let at = element; at !== null; at = at.parentElement) {
        const [rgb, alpha] = parse(getComputedStyle(at).backgroundColor);
        if (alpha > 0.99) return rgb;
      }
      return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
    };
    const pale: string[] = [];
    for (const element of document.querySelectorAll('body *')) {
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim());
      if (!own || !(element instanceof HTMLElement) || element.matches(':disabled, :disabled *')) continue;
      if (element.offsetParent === null || getComputedStyle(element).fontSize === '0px') continue;
      const [a, b] = [parse(getComputedStyle(element).color)[0], behind(element)].map(luminance);
      const ratio = (Math.max(a ?? 0, b ?? 0) + 0.05) / (Math.min(a ?? 0, b ?? 0) + 0.05);
      if (ratio < 4.5) pale.push(`${ratio.toFixed(2)}: ${element.textContent?.slice(0, 40)}`);
    }
    return pale;
  });
}

/** How many pixels a page is wider than its window. */
export async function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** Texts of a map that overflow their block. */
export async function clippedNames(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.strip span')]
      .filter((block) => block.textContent !== '' && block.scrollWidth > block.clientWidth + 1)
      .filter((block) => getComputedStyle(block).fontSize !== '0px')
      .map((block) => block.textContent ?? ''),
  );
}

/** What is wrong with an SVG picture: not well-formed, texts that overlap or exceed its width. */
export async function pictureFaults(page: Page, width: number): Promise<string[]> {
  if ((await page.locator('parsererror').count()) > 0) return ['not well-formed'];
  const boxes = await page.locator('text').evaluateAll((texts) =>
    texts.map((element) => {
      const {left, right, top, bottom} = element.getBoundingClientRect();
      return {text: element.textContent ?? '', left, right, top: top + 2, bottom: bottom - 2};
    }),
  );
  const outside = boxes
    .filter(({left, right}) => left < 0 || right > width)
    .map(({text}) => `${text} sticks out`);
  const overlaps = boxes.flatMap((a, i) =>
    boxes
      .slice(i + 1)
      .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      .map((b) => `${a.text} and ${b.text} overlap`),
  );
  return [...outside, ...overlaps];
}
