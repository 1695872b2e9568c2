import {type ChrootRunOptions, runInChroot} from '../../index.js';
import type {Arguments} from '../command.js';
import {exitStatus, type Output} from '../output.js';
import {safe} from '../safe-text.js';

export async function run(args: Arguments, output: Output): Promise<number> {
  const command = (args['--'] as string[] | undefined) ?? ['/bin/sh'];
  const variables = (args.env as string[] | undefined) ?? [];
  const wrong = variables.find((text) => !/^[^=]+=/.test(text));
  if (wrong !== undefined) {
    output.note(safe`--env ${wrong}: expected NAME=VALUE; see elfinterp chroot run --help`);
    return exitStatus.usage;
  }
  const {exitCode} = await runInChroot(args.chroot as string, command, {
    prefix: args.prefix as string | undefined,
    libs: args.libs as string | undefined,
    cwd: args.cwd as string | undefined,
    flags: args.flags as string | undefined,
    emulators: args.emulator as string[] | undefined,
    binds: ((args.bind as string[] | undefined) ?? []).map(parseBind),
    resolvConf: args['resolv-conf'] as boolean | undefined,
    hosts: args.hosts as boolean | undefined,
    idMap: args['id-map'] as ChrootRunOptions['idMap'],
    global: args.global as boolean | undefined,
    keepEnv: args['keep-env'] as boolean,
    variables: Object.fromEntries(variables.map(parseVariable)),
    onProgress: (message) => output.progress(safe`${message}`),
    onWarning: output.warn,
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

function parseVariable(text: string): [string, string] {
  const equals = text.indexOf('=');
  return [text.slice(0, equals), text.slice(equals + 1)];
}
