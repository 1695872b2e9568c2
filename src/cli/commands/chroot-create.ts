import {type CreateResult, createChroot, type FinishOptions, resumeChroot} from '../../index.js';
import type {Arguments} from '../command.js';
import {exitStatus, type Output} from '../output.js';
import {safe} from '../safe-text.js';

export async function run(args: Arguments, output: Output): Promise<number | undefined> {
  const problem = problemOf(args);
  if (problem !== undefined) {
    output.note(safe`${problem}; see elfinterp chroot create --help`);
    return exitStatus.usage;
  }
  const {target, architecture, emulators, prefix} = await create(args, output);
  if (args.json) output.json({target, architecture: architecture.name, emulators, prefix: prefix ?? null});
  else output.data(target);
  output.progress(
    prefix === undefined
      ? safe`the emulator was removed from it`
      : safe`the emulator stays in ${target}${prefix}`,
  );
  return undefined;
}

function problemOf({resume, suite, target, arch}: Arguments): string | undefined {
  if (resume !== undefined)
    return suite === undefined ? undefined : '--resume cannot be combined with SUITE and TARGET';
  if (suite === undefined || target === undefined)
    return 'an argument is missing: SUITE TARGET, or --resume TARGET';
  return arch === undefined ? 'no architecture: --arch is missing' : undefined;
}

function create(args: Arguments, output: Output): Promise<CreateResult> {
  const common: FinishOptions = {
    emulators: args.emulator as string[] | undefined,
    keep: args.keep as boolean | undefined,
    oneFile: args['one-file'] as boolean | undefined,
    isolate: args.isolate as boolean,
    idMap: args['id-map'] as FinishOptions['idMap'],
    onProgress: (text) => output.progress(safe`${text}`),
    onWarning: output.warn,
  };
  if (args.resume !== undefined) return resumeChroot(args.resume as string, common);
  return createChroot(args.suite as string, args.target as string, {
    ...common,
    architecture: args.arch as string,
    mirror: args.mirror as string | undefined,
    variant: args.variant as string | undefined,
    include: listOf(args.include),
    components: listOf(args.components),
    keyring: args.keyring as string | undefined,
    checkSignatures: args['check-gpg'] as boolean | undefined,
    cacheDirectory: args['cache-dir'] as string | undefined,
    debootstrapOptions: args['--'] as string[] | undefined,
  });
}

function listOf(text: unknown): readonly string[] | undefined {
  return typeof text === 'string' ? text.split(',') : undefined;
}
