import {removeBundle} from '../../index.js';
import type {Arguments} from '../command.js';
import type {Output} from '../output.js';

export function run(args: Arguments, output: Output): undefined {
  const {removed, notes} = removeBundle(args.chroot as string, {
    prefix: args.prefix as string | undefined,
    libs: args.libs as string | undefined,
    force: args.force as boolean | undefined,
  });
  for (const note of notes) output.warn(note);
  if (args.json) output.json({removed, notes});
  else for (const path of removed) output.data(path);
}
