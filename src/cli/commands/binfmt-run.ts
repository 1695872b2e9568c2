import {type EmulatedRunOptions, runEmulated} from '../../index.js';
import type {Arguments} from '../command.js';
import {exitStatus, type Output} from '../output.js';
import {safe} from '../safe-text.js';

export async function run(args: Arguments, output: Output): Promise<number> {
  const command = args['--'] as string[] | undefined;
  if (command === undefined || command.length === 0) {
    output.note(safe`no command to run; give it after --; see elfinterp binfmt run --help`);
    return exitStatus.usage;
  }
  const {exitCode} = await runEmulated(args.architectures as string[], command, {
    flags: args.flags as string | undefined,
    idMap: args['id-map'] as EmulatedRunOptions['idMap'],
    onProgress: (message) => output.progress(safe`${message}`),
    onWarning: output.warn,
  });
  return exitCode;
}
