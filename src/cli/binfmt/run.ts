import {runEmulated} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import type {Output} from '../output.js';
import {safe} from '../safe-text.js';
import type {binfmtRun as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export async function run(args: Arguments, output: Output): Promise<number> {
  const command = args['--'];
  if (command === undefined || command.length === 0)
    throw new UsageError('no command to run; give it after --');
  const {exitCode} = await runEmulated(args.architectures, command, {
    flags: args.flags,
    idMap: args['id-map'],
    onProgress: (message) => output.progress(safe`${message}`),
    onWarning: output.warn,
  });
  return exitCode;
}
