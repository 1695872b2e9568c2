import {type CreateResult, createChroot, type FinishOptions, resumeChroot} from '../../index.js';
import {type ArgumentsOf, UsageError} from '../command.js';
import type {Output} from '../output.js';
import {safe} from '../safe-text.js';
import type {chrootCreate as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export async function run(args: Arguments, output: Output): Promise<undefined> {
  const {target, architecture, emulators, prefix} = await create(args, output);
  if (args.json) output.json({target, architecture: architecture.name, emulators, prefix: prefix ?? null});
  else output.data(target);
  output.progress(
    prefix === undefined
      ? safe`no emulator was installed in the system`
      : safe`the emulator stays in ${target}${prefix}`,
  );
}

async function create(args: Arguments, output: Output): Promise<CreateResult> {
  const common: FinishOptions = {
    emulators: args.emulator,
    keep: args.keep,
    oneFile: args['one-file'],
    isolate: args.isolate,
    idMap: args['id-map'],
    onProgress: (text) => output.progress(safe`${text}`),
    onWarning: output.warn,
  };
  const {resume, suite, target, arch} = args;
  if (resume !== undefined) {
    if (suite !== undefined) throw new UsageError('--resume cannot be combined with SUITE and TARGET');
    return resumeChroot(resume, common);
  }
  if (suite === undefined || target === undefined)
    throw new UsageError('an argument is missing: SUITE and TARGET, or --resume DIR');
  if (arch === undefined) throw new UsageError('no architecture: --arch is missing');
  return createChroot(suite, target, {
    ...common,
    architecture: arch,
    mirror: args.mirror,
    variant: args.variant,
    include: listOf(args.include),
    components: listOf(args.components),
    keyring: args.keyring,
    checkSignatures: args['check-gpg'],
    cacheDirectory: args['cache-dir'],
    debootstrapOptions: args['--'],
  });
}

function listOf(text: string | undefined): readonly string[] | undefined {
  return text?.split(',');
}
