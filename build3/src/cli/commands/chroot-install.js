import {installEmulator} from '../../index.js';
import {bundleToJson, printBundle} from '../print-bundle.js';
export async function run(args, output) {
  const {architecture, emulators, own, bundle, notes} = await installEmulator(
    args.chroot,
    args.programs ?? [],
    {
      architecture: args.arch,
      prefix: args.prefix,
      libs: args.libs,
      root: args.root,
      library: args.library,
      isolate: args.isolate,
      launcher: args.launcher,
      shell: args.shell,
    },
  );
  for (const note of notes) output.note(note);
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
  output.progress(`the chroot is for ${architecture.name}, by ${architecture.evidence}`);
  if (bundle !== undefined) printBundle(bundle, output);
}
//# sourceMappingURL=chroot-install.js.map
