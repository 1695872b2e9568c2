import {installEmulator} from '../../index.js';
import type {Arguments} from '../command.js';
import type {Output} from '../output.js';
import {bundleToJson, printBundle} from '../print-bundle.js';
import {safe} from '../safe-text.js';

export async function run(args: Arguments, output: Output): Promise<undefined> {
  const {architecture, emulators, own, bundle, notes} = await installEmulator(
    args.chroot as string,
    (args.programs as string[] | undefined) ?? [],
    {
      architecture: args.arch as string | undefined,
      prefix: args.prefix as string | undefined,
      libs: args.libs as string | undefined,
      root: args.root as string | undefined,
      library: args.library as string[] | undefined,
      oneFile: args['one-file'] as boolean | undefined,
      isolate: args.isolate as boolean,
      symbols: args.symbols as boolean | undefined,
      recordSources: args['record-sources'] as boolean | undefined,
      launcher: args.launcher as 'interp' | 'wrapper',
      shell: args.shell as string | undefined,
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
