import {runInChroot} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import type {Output} from '../output.js';
import {safe} from '../safe-text.js';
import type {chrootRun as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export async function run(args: Arguments, output: Output): Promise<number> {
  const command = args['--'] ?? ['/bin/sh'];
  const variables = args.env ?? [];
  const wrong = variables.find((text) => !/^[^=]+=/.test(text));
  if (wrong !== undefined) throw new UsageError(`--env ${wrong}: expected NAME=VALUE`);
  const {exitCode} = await runInChroot(args.chroot, command, {
    prefix: args.prefix,
    libs: args.libs,
    cwd: args.cwd,
    flags: args.flags,
    emulators: args.emulator,
    binds: (args.bind ?? []).map(parseBind),
    resolvConf: args['resolv-conf'],
    hosts: args.hosts,
    idMap: args['id-map'],
    global: args.global,
    keepEnv: args['keep-env'],
    variables: Object.fromEntries(variables.map(parseVariable)),
    onProgress: (message) => output.progress(safe`${message}`),
    onWarning: output.warn,
  });
  return exitCode;
}

/** SRC[:DST], as bind mounts are written elsewhere. */
function parseBind(text: string): {source: string; target?: string} {
  const colon = text.indexOf(':');
  return colon < 0 ? {source: text} : {source: text.slice(0, colon), target: text.slice(colon + 1)};
}

function parseVariable(text: string): [string, string] {
  const equals = text.indexOf('=');
  return [text.slice(0, equals), text.slice(equals + 1)];
}
