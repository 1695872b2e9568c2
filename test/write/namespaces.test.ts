/*
 * Process numbers mean nothing in another PID namespace: what a process at work there holds is not left behind by a
 * dead one, whichever of the two looks.
 */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {readdirSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {workspacePrefix} from '../../src/write/workspace.js';
import {copyFixture} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';

const here: readonly string[] = [];
const elsewhere = ['unshare', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];
const cli = fileURLToPath(new URL('../../../bin/elfinterp.js', import.meta.url));
const url = (file: string) => JSON.stringify(new URL(`../../src/${file}`, import.meta.url).href);

/** Makes a workspace, tells its number, and removes it when its standard input ends. */
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
