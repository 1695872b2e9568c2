import {verifyBundle} from '../../index.js';
import type {Arguments} from '../command.js';
import {exitStatus, type Output} from '../output.js';

export function run(args: Arguments, output: Output): number | undefined {
  const {manifest, manifestPath, isolated, problems} = verifyBundle(args.chroot as string, {
    prefix: args.prefix as string | undefined,
    libs: args.libs as string | undefined,
  });
  if (args.json) {
    const programs = manifest.programs.map(({path}) => path);
    output.json({manifestPath, programs, files: manifest.files.length, isolated: isolated ?? null, problems});
  } else {
    for (const {path, message, code} of problems) output.line(`${path}: ${message} [${code}]`);
  }
  if (isolated === false) output.note("the bundled loader is not isolated from the guest's LD_* variables");
  if (problems.length > 0) return exitStatus.failed;
  output.progress(`${manifest.files.length} files are as they were installed, and stand on their own`);
  return undefined;
}
