import {ElfError, runInChroot, verifyBundle} from '../../index.js';
import {exitStatus} from '../output.js';
export async function run(args, output) {
  const {manifest, manifestPath, isolated, problems} = verifyBundle(args.chroot, {
    prefix: args.prefix,
    libs: args.libs,
  });
  if (args.json) {
    const programs = manifest.programs.map(({path}) => path);
    output.json({manifestPath, programs, files: manifest.files.length, isolated: isolated ?? null, problems});
  } else {
    for (const {path, message, code} of problems) output.line(`${path}: ${message} [${code}]`);
  }
  if (isolated === false) output.note("the bundled loader is not isolated from the guest's LD_* variables");
  if (problems.length > 0) return exitStatus.failed;
  if (args.run) await tryProgram(args.run, args.chroot, manifest.prefix, output);
  if (output.failed) return undefined;
  output.progress(`${manifest.files.length} files are as they were installed, and stand on their own`);
  return undefined;
}
/** The proof of the pudding: a program of the chroot, which is why it is run only when asked for. */
async function tryProgram(program, chroot, prefix, output) {
  const stdio = ['ignore', 'ignore', 'inherit'];
  const {exitCode} = await runInChroot(chroot, [program], {prefix, stdio, onWarning: output.note});
  if (exitCode !== 0)
    output.error(new ElfError('COMMAND_FAILED', `exit status ${exitCode}`, {path: program}));
}
//# sourceMappingURL=chroot-verify.js.map
