import {createChroot, resumeChroot} from '../../index.js';
import {exitStatus} from '../output.js';
export async function run(args, output) {
  const problem = problemOf(args);
  if (problem !== undefined) {
    output.note(`${problem}; see elfinterp chroot create --help`);
    return exitStatus.usage;
  }
  const {target, architecture, emulators, prefix} = await create(args, output);
  if (args.json) output.json({target, architecture: architecture.name, emulators, prefix: prefix ?? null});
  else output.line(target);
  output.progress(
    prefix === undefined ? 'no emulator was left in it' : `the emulator stays in ${target}${prefix}`,
  );
  return undefined;
}
function problemOf({resume, suite, target, arch}) {
  if (resume !== undefined) return suite === undefined ? undefined : '--resume goes without SUITE and TARGET';
  if (suite === undefined || target === undefined)
    return 'an argument is missing: SUITE TARGET, or --resume TARGET';
  return arch === undefined ? 'which architecture? --arch is missing' : undefined;
}
function create(args, output) {
  const common = {
    emulators: args.emulator,
    keep: args.keep,
    isolate: args.isolate,
    idMap: args['id-map'],
    onWarning: output.note,
  };
  if (args.resume !== undefined) return resumeChroot(args.resume, common);
  return createChroot(args.suite, args.target, {
    ...common,
    architecture: args.arch,
    mirror: args.mirror,
    variant: args.variant,
    include: listOf(args.include),
    components: listOf(args.components),
    keyring: args.keyring,
    cacheDirectory: args['cache-dir'],
    debootstrapOptions: args['--'],
  });
}
function listOf(text) {
  return typeof text === 'string' ? text.split(',') : undefined;
}
//# sourceMappingURL=chroot-create.js.map
