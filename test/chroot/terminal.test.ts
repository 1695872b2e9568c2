/* A command on a terminal: what is typed and which signals arrive, with and without its own terminal. */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {tempDirectory} from '../helpers/temp.js';
import {withTools} from '../helpers/tools.js';
import {nativeRoot} from './native-root.js';

const runner = resolve('build', 'test', 'chroot', 'runner.js');

/**
 * With a stream redirected, a command stays on the caller's terminal; otherwise it gets its own, so that it cannot type
 * into the caller's.
 */
const ways = ['', '2>/dev/null'];

/** Run the guest in a terminal until it prints its machine, then call `act`. */
async function onTerminal(
  t: ExecutionContext,
  root: string,
  guest: string,
  act: (type: (text: string) => void, pid: number) => void,
) {
  const line = `echo "<$$>"; exec ${process.execPath} ${runner} ${root} '{}' /bin/guest ${guest}`;
  const child = spawn('script', ['-qfec', line, '/dev/null'], {stdio: ['pipe', 'pipe', 'inherit']});
  t.teardown(() => child.kill('SIGKILL'));
  // A process that ends too early is detected by its exit status.
  child.stdin.on('error', () => {});
  let said = '';
  let isReady = false;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
    if (isReady || !/<\d+>[\s\S]*(x86_64|aarch64)/.test(said)) return;
    isReady = true;
    act((keys) => child.stdin.write(keys), Number(/<(\d+)>/.exec(said)?.[1]));
  });
  const [code] = await once(child, 'close');
  return {code, said};
}

for (const [signal, number] of [
  ['SIGTERM', 15],
  ['SIGHUP', 1],
  ['SIGUSR1', 10],
] as const) {
  test(
    `${signal} to a run on a terminal is the command's`,
    withTools(async (t) => {
      const root = nativeRoot(t);
      for (const way of ways) {
        const handled = await onTerminal(t, root, `trap ${number} uname sleep 600 ${way}`, (_, pid) =>
          process.kill(pid, signal),
        );
        t.is(handled.code, 50 + number, way);
        t.regex(handled.said, new RegExp(`signal ${number}\r\n$`));
        const unhandled = await onTerminal(t, root, `uname sleep 600 ${way}`, (_, pid) =>
          process.kill(pid, signal),
        );
        t.is(unhandled.code, 128 + number, way);
        t.notRegex(unhandled.said, /Session terminated/);
      }
    }),
  );
}

for (const [key, character, number] of [
  ['Ctrl-C', '\x03', 2],
  ['Ctrl-\\', '\x1c', 3],
] as const) {
  test(
    `${key} ends a command only where it does not handle it`,
    withTools(async (t) => {
      const root = nativeRoot(t);
      for (const way of ways) {
        const handled = await onTerminal(t, root, `trap ${number} uname sleep 600 ${way}`, (type) =>
          type(character),
        );
        t.is(handled.code, 50 + number, way);
        t.regex(handled.said, new RegExp(`signal ${number}\r\n$`));
        const unhandled = await onTerminal(t, root, `uname sleep 600 ${way}`, (type) => type(character));
        t.is(unhandled.code, 128 + number, way);
      }
    }),
  );
}

test(
  'a background job is not stopped',
  withTools(async (t) => {
    const run = `${process.execPath} ${runner} ${nativeRoot(t)} {} /bin/guest uname exit 5`;
    const line = `timeout --foreground 60 bash -mc '${run} & wait $!; echo status $?; kill -9 %1'`;
    const child = spawn('script', ['-qfec', line, '/dev/null'], {stdio: ['pipe', 'pipe', 'inherit']});
    t.teardown(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    await once(child, 'close');
    t.regex(said, /(x86_64|aarch64)\r\n[\s\S]*status 5\r\n/);
  }),
);

test(
  'a command may be longer than the kernel lets one argument be',
  withTools(async (t) => {
    const words = `echo $#; echo "$1"`;
    const long = Array.from({length: 10_000}, (_, i) => `'word-é😀 "$(${i})" \n'`).join(' ');
    const file = join(tempDirectory(t), 'line');
    writeFileSync(file, `exec ${process.execPath} ${runner} / '{}' /bin/sh -c '${words}' sh ${long}\n`);
    const child = spawn('script', ['-qfec', `sh ${file}`, '/dev/null'], {stdio: ['pipe', 'pipe', 'inherit']});
    t.teardown(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    await once(child, 'close');
    t.regex(said, /10000\r\nword-é😀 "\$\(0\)" \r\n/);
  }),
);
