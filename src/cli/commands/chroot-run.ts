import {runInChroot} from '../../index.js';
import type {Arguments} from '../command.js';
import type {Output} from '../output.js';

export async function run(args: Arguments, output: Output): Promise<number> {
  const command = (args['--'] as string[] | undefined) ?? ['/bin/sh'];
  const {exitCode} = await runInChroot(args.chroot as string, command, {
    prefix: args.prefix as string | undefined,
    libs: args.libs as string | undefined,
    cwd: args.cwd as string | undefined,
    flags: args.flags as string | undefined,
    binds: ((args.bind as string[] | undefined) ?? []).map(parseBind),
    onWarning: output.note,
  });
  return exitCode;
}

/** SRC[:DST], as bind mounts are written elsewhere. */
function parseBind(text: string): {source: string; target: string} {
  const colon = text.indexOf(':');
  return colon < 0
    ? {source: text, target: text}
    : {source: text.slice(0, colon), target: text.slice(colon + 1)};
}
