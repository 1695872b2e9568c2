import {runInChroot} from '../../index.js';
import {exitStatus} from '../output.js';
export async function run(args, output) {
  const command = args['--'] ?? ['/bin/sh'];
  const variables = args.env ?? [];
  const wrong = variables.find((text) => !/^[^=]+=/.test(text));
  if (wrong !== undefined) {
    output.note(`--env ${wrong}: expected NAME=VALUE; see elfinterp chroot run --help`);
    return exitStatus.usage;
  }
  const {exitCode} = await runInChroot(args.chroot, command, {
    prefix: args.prefix,
    libs: args.libs,
    cwd: args.cwd,
    flags: args.flags,
    binds: (args.bind ?? []).map(parseBind),
    resolvConf: args['resolv-conf'],
    idMap: args['id-map'],
    global: args.global,
    keepEnv: args['keep-env'],
    variables: Object.fromEntries(variables.map(parseVariable)),
    onWarning: output.note,
  });
  return exitCode;
}
/** SRC[:DST], as bind mounts are written elsewhere. */
function parseBind(text) {
  const colon = text.indexOf(':');
  return colon < 0
    ? {source: text, target: text}
    : {source: text.slice(0, colon), target: text.slice(colon + 1)};
}
function parseVariable(text) {
  const equals = text.indexOf('=');
  return [text.slice(0, equals), text.slice(equals + 1)];
}
//# sourceMappingURL=chroot-run.js.map
