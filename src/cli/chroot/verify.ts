import {ElfError, runInChroot, verifyBundle} from '../../index.js';
import type {ArgumentsOf} from '../command.js';
import {exitStatus, type Output} from '../output.js';
import {safe} from '../safe-text.js';
import {counted} from '../size.js';
import type {chrootVerify as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export async function run(args: Arguments, output: Output): Promise<number | undefined> {
  const {manifest, manifestPath, isolated, problems} = verifyBundle(args.chroot, {
    prefix: args.prefix,
    libs: args.libs,
  });
  if (args.json) {
    const programs = manifest.programs.map(({path}) => path);
    output.json({manifestPath, programs, files: manifest.files.length, isolated: isolated ?? null, problems});
  } else {
    for (const {path, message, code} of problems) output.line(safe`${path}: ${message} [${code}]`);
  }
  if (isolated === false)
    output.note(safe`the bundled loader is not isolated from the guest's LD_* variables`);
  if (problems.length > 0) return exitStatus.failed;
  if (args.run) await tryProgram(args.run, args, manifest.prefix, output);
  if (output.failed) return undefined;
  output.progress(
    safe`${counted(manifest.files.length, 'file')} as installed, and the bundle is self-contained`,
  );
  return undefined;
}

/** Run a program of the chroot; only on request, because it is foreign code. */
async function tryProgram(
  program: string,
  {chroot, libs}: Arguments,
  prefix: string,
  output: Output,
): Promise<void> {
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  const {exitCode} = await runInChroot(chroot, [program], {prefix, libs, stdio, onWarning: output.warn});
  if (exitCode !== 0)
    output.error(new ElfError('COMMAND_FAILED', `exit status ${exitCode}`, {path: program}));
}
