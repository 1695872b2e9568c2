import {removeBundle} from '../../index.js';
import type {ArgumentsOf} from '../command.js';
import type {Output} from '../output.js';
import type {chrootRemove as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export function run(args: Arguments, output: Output): undefined {
  const {removed, notes} = removeBundle(args.chroot, {
    prefix: args.prefix,
    libs: args.libs,
    force: args.force,
  });
  for (const note of notes) output.warn(note);
  if (args.json) output.json({removed, notes});
  else for (const path of removed) output.data(path);
}
