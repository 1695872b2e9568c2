import {installEmulator} from '../../index.js';
import {bundleToJson, printBundle} from '../bundle/print-bundle.js';
import type {ArgumentsOf} from '../command.js';
import type {Output} from '../output.js';
import {safe} from '../safe-text.js';
import type {chrootInstall as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export async function run(args: Arguments, output: Output): Promise<undefined> {
  const {architecture, emulators, own, bundle, notes} = await installEmulator(
    args.chroot,
    args.programs ?? [],
    {
      architecture: args.arch,
      prefix: args.prefix,
      libs: args.libs,
      root: args.root,
      library: args.library,
      recordSources: args['record-sources'],
      dlopen: args.dlopen,
      oneFile: args['one-file'],
      isolate: args.isolate,
      symbols: args.symbols,
      launcher: args.launcher,
      shell: args.shell,
    },
  );
  for (const note of notes) output.warn(note);
  if (args.json) {
    output.json({
      architecture: architecture.name,
      evidence: architecture.evidence,
      native: architecture.isNative,
      emulators,
      own: own ?? null,
      bundle: bundle === undefined ? null : bundleToJson(bundle),
    });
    return;
  }
  output.progress(safe`the architecture of the chroot is ${architecture.name} (${architecture.evidence})`);
  if (bundle !== undefined) printBundle(bundle, output);
}
