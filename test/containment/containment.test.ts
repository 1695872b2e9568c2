/*
 * A root that somebody prepared who wants out of it. Each escape is tried on every command that takes a root, under
 * strace: nothing outside may be opened, run or changed, nothing of it may be carried in or told, and no device, FIFO
 * or socket may be opened. The last line of each test says how many were tried.
 */
import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {tempDirectory} from '../helpers/temp.js';
import {MissingTool, withTools} from '../helpers/tools.js';
import type {Group} from './attempts.js';
import {type Deed, readDeeds} from './trace.js';
import type {Outcome} from './worker.js';

const worker = fileURLToPath(new URL('worker.js', import.meta.url));

/** How many there are at least: a change that loses some is noticed. */
const atLeast: Readonly<Record<Group, number>> = {
  links: 500,
  'special files': 350,
  names: 300,
  manifests: 300,
  notes: 90,
  caches: 26,
};

for (const [group, least] of Object.entries(atLeast)) {
  test(
    `no escape: ${group}`,
    withTools((t) => {
      const parent = tempDirectory(t);
      const log = join(tempDirectory(t), 'log');
      const strace = ['-f', '--seccomp-bpf', '-y', '-qq', '-s', '8192', '-o', log, '-e', 'trace=%file'];
      const {status, stdout, stderr, error} = spawnSync(
        'strace',
        [...strace, process.execPath, worker, group, parent],
        {
          encoding: 'utf8',
          maxBuffer: 1 << 28,
          timeout: 540_000,
        },
      );
      if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') throw new MissingTool('strace');
      const last = stderr.trim().split('\n').slice(-10).join('\n');
      t.is(status, 0, `it ended, or hung, at: ${last}`);
      const outcomes = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Outcome);
      const deeds = readDeeds(log);
      t.true(
        deeds.some(({path}) => path.startsWith(parent)),
        'strace sees what is done',
      );
      const escaped = outcomes.map((outcome, i) => ({
        ...outcome,
        escapes: [
          ...outcome.escapes,
          ...deeds.filter((deed) => deed.attempt === i + 1 && leadsOut(deed, parent)).map(({line}) => line),
        ],
      }));
      t.deepEqual(
        escaped.filter(({escapes}) => escapes.length > 0),
        [],
      );
      t.true(outcomes.length >= least, `${outcomes.length} of ${least}`);
      const count = (what: (outcome: Outcome) => boolean) => outcomes.filter(what).length;
      const refused = count(({outcome}) => outcome !== 'done');
      t.log(
        `escapes tried: ${outcomes.length}, refused with an error: ${refused}, without effect: ${outcomes.length - refused}, escaped: 0`,
      );
    }),
  );
}

/** Whether a deed is one that no attempt may bring about. */
function leadsOut({kind, path}: Deed, parent: string): boolean {
  const [, rest = ''] = path.startsWith(`${parent}/`)
    ? (/^[^/]+\/(.*)$/.exec(path.slice(parent.length + 1)) ?? [])
    : [];
  const isIn = /^(root|into)(\/|$)/.test(rest);
  if (kind === 'change') return !isIn && !isHarmless(path);
  if (path.startsWith(parent)) return !isIn && !rest.startsWith('machine/qemu-arm');
  return kind === 'read' && path.startsWith('/dev/') && !isHarmless(path);
}

/** What every process writes to, and what a run has to: the id map of its namespace, its table. */
function isHarmless(path: string): boolean {
  return /^\/dev\/(null|tty|pts\/\d+)$|^\/proc\/\d+\/|^\/proc\/self\/|^pipe:|^socket:/.test(path);
}
