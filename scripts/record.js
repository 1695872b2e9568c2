/*
 * Write docs/recording.svg, the picture of the README: commands run in a real terminal, with their output and timing.
 * Only the typing is simulated. The picture plays once and then stops; readers who prefer reduced motion see only its
 * end. `--print` writes it to standard output, for the test.
 */
import {spawn} from 'node:child_process';
import {chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import xterm from '@xterm/headless';
import {drawTerminal} from './recording-svg.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const size = {cols: 74, rows: 40};
const commands = [
  'elfinterp tree /usr/bin/xz',
  'elfinterp pack /usr/bin/xz empty/xz',
  'unshare -r chroot empty /xz --version',
  "elfinterp edit --dry-run --rpath '$ORIGIN/lib' program",
];
const title = 'xz is packed into one file, which runs in an empty root; a program gets another search path';
/** Milliseconds for each key, and for reading before the next command. */
const pace = {key: 28, pause: 900};

const work = prepare();
try {
  const svg = drawTerminal(await record(), {cols: size.cols, title});
  if (process.argv.includes('--print')) process.stdout.write(svg);
  else writeFileSync(path.join(root, 'docs', 'recording.svg'), svg);
} finally {
  rmSync(work, {recursive: true, force: true});
}

/** Make a directory with a program that has a search path, an empty directory, and one with `elfinterp` for PATH. */
function prepare() {
  const directory = mkdtempSync(path.join(tmpdir(), 'elfinterp-record-'));
  chmodSync(directory, 0o755);
  for (const name of ['empty', 'path']) mkdirSync(path.join(directory, name));
  cpSync(path.join(root, 'test-binaries/x86_64/needs-libprobe-rpath'), path.join(directory, 'program'));
  symlinkSync(path.join(root, 'bin/elfinterp.js'), path.join(directory, 'path/elfinterp'));
  return directory;
}

/** @returns the final lines of the terminal, each with the time in milliseconds at which it appeared */
async function record() {
  const terminal = new xterm.Terminal({...size, allowProposedApi: true});
  const lines = [];
  let now = 400;
  for (const command of commands) {
    lines.push({typed: command, at: now, for: command.length * pace.key});
    now += command.length * pace.key + 150;
    const first = terminal.buffer.active.baseY + terminal.buffer.active.cursorY;
    const took = await run(command, async (chunk, elapsed) => {
      await new Promise((done) => terminal.write(chunk, done));
      const {baseY, cursorY} = terminal.buffer.active;
      for (let y = first; y < baseY + cursorY; y++) lines[`row ${y}`] ??= now + elapsed;
    });
    const {baseY, cursorY} = terminal.buffer.active;
    for (let y = first; y < baseY + cursorY; y++)
      lines.push({spans: spansOf(terminal.buffer.active.getLine(y)), at: lines[`row ${y}`]});
    now += took + pace.pause;
  }
  return lines;
}

/** Run a command on a terminal of its own, made by script(1). @returns the milliseconds that it took */
async function run(command, onData) {
  const inner = `stty cols ${size.cols} rows ${size.rows}; ${command}`;
  const env = {
    ...process.env,
    PATH: `${work}/path:${process.env.PATH}`,
    TERM: 'xterm-256color',
    SHELL: '/bin/sh',
  };
  delete env.NO_COLOR;
  const start = performance.now();
  const child = spawn('script', ['-qefc', inner, '/dev/null'], {
    cwd: work,
    env,
    // Keep the pipe open: at the end of its input script(1) sends ^D, which the inner terminal echoes.
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((done) => child.on('close', done));
  for await (const chunk of child.stdout) await onData(chunk, performance.now() - start);
  const status = await ended;
  if (status !== 0) throw new Error(`${command}: exit status ${status}`);
  return performance.now() - start;
}

/** Split a line of the terminal into spans of one style. */
function spansOf(line) {
  const spans = [];
  const length = line.translateToString(true).length;
  for (let x = 0; x < length; x++) {
    const cell = line.getCell(x);
    const look = {
      color: cell.isFgPalette() ? cell.getFgColor() : undefined,
      bold: cell.isBold() !== 0,
      dim: cell.isDim() !== 0,
    };
    const last = spans.at(-1);
    if (last !== undefined && JSON.stringify(last.look) === JSON.stringify(look))
      last.text += cell.getChars() || ' ';
    else spans.push({look, text: cell.getChars() || ' '});
  }
  return spans;
}
