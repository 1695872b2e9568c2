/*
 * Process numbers mean nothing in another PID namespace: what a running process there holds must not be taken for a
 * dead one's, whichever of the two looks.
 */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {isRunning} from '../../src/write/process-identity.js';
import {workspacePrefix} from '../../src/write/workspace-names.js';
import {copyFixture} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';

const here: readonly string[] = [];
const elsewhere = ['unshare', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];
const cli = fileURLToPath(new URL('../../../bin/elfinterp.js', import.meta.url));
const url = (file: string) => JSON.stringify(new URL(`../../src/${file}`, import.meta.url).href);

/** Makes a workspace, prints its number, and removes it when its standard input ends. */
const holder = `
  const {Workspaces} = await import(${url('write/workspace.js')});
  const {findDirectory} = await import(${url('source/place.js')});
  const workspaces = new Workspaces();
  workspaces.create(findDirectory(process.argv[1]));
  console.log(process.pid);
  for await (const _ of process.stdin);
  workspaces.remove();
`;

for (const [title, holds, edits] of [
  ['in another PID namespace', elsewhere, here],
  ['outside this PID namespace', here, elsewhere],
] as const) {
  test(
    `the workspace of a process ${title} stays`,
    withTools(async (t) => {
      const file = copyFixture(t, 'x86_64/probe-pie');
      const workspaces = () =>
        readdirSync(path.dirname(file)).filter((name) => name.startsWith(workspacePrefix));
      const script = [process.execPath, '--input-type=module', '-e', holder, path.dirname(file)];
      const [command = '', ...args] = [...holds, ...script];
      const child = spawn(command, args, {stdio: ['pipe', 'pipe', 'inherit']});
      t.teardown(() => child.kill('SIGKILL'));
      const [number] = await once(child.stdout, 'data');
      const [held] = workspaces();
      t.regex(`${held}`, new RegExp(`^${workspacePrefix}-${String(number).trim()}-`));
      const [first = '', ...rest] = [...edits, process.execPath, cli, 'set', file, '/x'];
      output(first, rest);
      t.deepEqual(workspaces(), [held ?? '']);
      child.stdin.end();
      await once(child, 'close');
      t.deepEqual(workspaces(), []);
    }),
  );
}

test(
  'a process that ended and that nobody waits for is at work no longer',
  withTools(async (t) => {
    const say = `
      const {ownIdentity} = await import(${url('write/process-identity.js')});
      console.log(ownIdentity());
      for await (const _ of process.stdin);
    `;
    // The shell becomes a program that never waits for its children. A background job's standard input is /dev/null.
    const script = ['"$@" <&3 &', 'exec sleep 60 3<&-'].join('\n');
    const words = ['-c', script, 'sh', process.execPath, '--input-type=module', '-e', say];
    const parent = spawn('sh', words, {stdio: ['ignore', 'pipe', 'inherit', 'pipe']});
    t.teardown(() => parent.kill('SIGKILL'));
    const [said] = await once(parent.stdout ?? parent, 'data');
    const identity = String(said).trim();
    t.true(isRunning(identity));
    const [pid] = identity.split('-');
    process.kill(Number(pid), 'SIGKILL');
    while (!readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')) await setTimeout(20);
    t.false(isRunning(identity));
  }),
);
