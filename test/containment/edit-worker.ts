/*
 * Runs command lines of elfinterp in one process, as often as a race needs: each message is a program and its
 * arguments, each answer the exit status. The only argument is the project whose code is run.
 */
import {createRequire} from 'node:module';
import {join} from 'node:path';

const [project = ''] = process.argv.slice(2);
const {load} = createRequire(import.meta.url)(join(project, 'bin/load.js'));

process.on('message', async ({program, args}: {program: string; args: string[]}) => {
  process.exitCode = 0;
  const status = await load(program).main(args);
  process.send?.(status ?? process.exitCode ?? 0);
});
process.send?.('ready');
