/*
 * A root prepared by somebody who wants to get out of it. Each escape is tried on every command that takes a root,
 * under strace: nothing outside may be opened, run or changed, nothing of it may be copied in or disclosed, and no
 * device, FIFO or socket may be opened. The last lines say how many were tried.
 */
import {execFile} from 'node:child_process';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import test, {type ExecutionContext} from 'ava';
import {ownCache} from '../helpers/own-cache.js';
import {strace} from '../helpers/strace.js';
import {memoryDirectory, tempDirectory} from '../helpers/temp.js';
import {withTools} from '../helpers/tools.js';
import {type Group, groups} from './attempts.js';
import {type OperationName, operations} from './operations.js';
import {makePlace} from './place.js';
import {type Deed, readDeeds} from './trace.js';
import type {Outcome} from './worker.js';

const worker = fileURLToPath(new URL('worker.js', import.meta.url));

/** Each group with the operations that it is for. */
const pairs = (Object.keys(groups) as Group[]).flatMap((group) =>
  [...new Set([...groups[group]()].map(({operation}) => operation))].map((operation) => ({group, operation})),
);

const totals = {tried: 0, refused: 0, escaped: 0};

/** One group at a time: the other processors are for other tests. */
let turn = Promise.resolve();

for (const {group, operation} of pairs) {
  test(
    `no escape: ${operation}, ${group}`,
    withTools(async (t) => {
      const before = turn;
      let done = () => {};
      turn = new Promise((resolve) => {
        done = resolve;
      });
      await before;
      try {
        await tryGroup(t, group, operation);
      } finally {
        done();
      }
    }),
  );
}

test.after.always('totals', (t) => {
  const {tried, refused, escaped} = totals;
  t.log(
    `escapes tried: ${tried}, refused with an error: ${refused}, without effect: ${tried - refused - escaped}, escaped: ${escaped}`,
  );
});

/** The least number to try in all, so that a change that loses some is noticed. */
test('the escapes are as many as ever', (t) => {
  const count = Object.values(groups).reduce((sum, attempts) => sum + [...attempts()].length, 0);
  t.true(count >= 2000, String(count));
});

for (const [name, operation] of Object.entries(operations)) {
  test(
    `with a root that nobody prepared, it works: ${name}`,
    withTools(async (t) => {
      const place = await makePlace(tempDirectory(t), operation.withBundle);
      await t.notThrowsAsync(async () => void (await operation.run(place)));
    }),
  );
}

async function tryGroup(t: ExecutionContext, group: Group, operation: OperationName): Promise<void> {
  const parent = memoryDirectory(t);
  const log = join(memoryDirectory(t), 'log');
  const tracing = ['-f', '--seccomp-bpf', '-y', '-qq', '-s', '8192', '-o', log, '-e', 'trace=%file'];
  const {status, stdout, stderr} = await runWorker(
    strace(...tracing, process.execPath, worker, group, operation, parent),
  );
  t.is(status, 0, `it ended, or hung, at: ${stderr.trim().split('\n').slice(-10).join('\n')}`);
  const outcomes = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Outcome);
  const deeds = readDeeds(log);
  t.true(
    deeds.some(({path}) => path.startsWith(parent)),
    'strace sees what is done',
  );
  const escaped = outcomes
    .map((outcome, i) => {
      const out = deeds
        .filter((deed) => deed.attempt === i + 1 && leadsOut(deed, parent))
        .map(({line}) => line);
      return {...outcome, escapes: [...outcome.escapes, ...out]};
    })
    .filter(({escapes}) => escapes.length > 0);
  t.deepEqual(escaped, []);
  const refused = outcomes.filter(({outcome}) => outcome !== 'done').length;
  t.log(`tried: ${outcomes.length}, refused with an error: ${refused}, escaped: ${escaped.length}`);
  totals.tried += outcomes.length;
  totals.refused += refused;
  totals.escaped += escaped.length;
}

function runWorker([program, ...args]: readonly [string, ...string[]]): Promise<{
  status: number | null;
  stdout: string;
  stderr: string;
}> {
  return new Promise((resolve) => {
    const env = {...process.env, TMPDIR: ownCache};
    const options = {maxBuffer: 1 << 28, timeout: 500_000, killSignal: 'SIGKILL', env} as const;
    execFile(program, args, options, (error, stdout, stderr) =>
      resolve({status: error === null ? 0 : ((error.code as unknown as number) ?? null), stdout, stderr}),
    );
  });
}

/** Whether a deed is one that no attempt may cause. */
function leadsOut({kind, path, isDevice, line}: Deed, parent: string): boolean {
  // The table of the run's own namespace, reached through a process in it, never the machine's.
  if (/"\/proc\/\d+\/root\/proc\/sys\/fs\/binfmt_misc\/register"/.test(line)) return false;
  const rest = path.startsWith(`${parent}/`) ? path.slice(parent.length + 1) : '';
  const isIn = /^(root|into)(\/|$)/.test(rest);
  // An emulator is packed in root's temporary directory, and kept in root's cache.
  if (kind === 'change') return !isIn && !isHarmless(path) && !path.startsWith(`${ownCache}/`);
  if (path.startsWith(parent)) return isDevice || (!isIn && !rest.startsWith('machine/qemu-arm'));
  return isDevice && !isHarmless(path);
}

/**
 * What every process writes to, and what a run has to write to: the id map of its namespace, its table, and the tmpfs
 * on /proc/fs that becomes the /dev of the chroot. No file can be made on /proc.
 */
function isHarmless(path: string): boolean {
  return /^\/dev\/(null|tty|pts\/\d+)$|^\/proc\/(\d+|self|fs)\/|^pipe:|^socket:/.test(path);
}
