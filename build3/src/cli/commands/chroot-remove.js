import {removeBundle} from '../../index.js';
export function run(args, output) {
  const {removed, notes} = removeBundle(args.chroot, {
    prefix: args.prefix,
    libs: args.libs,
    force: args.force,
  });
  for (const note of notes) output.note(note);
  if (args.json) output.json({removed, notes});
  else for (const path of removed) output.line(path);
}
//# sourceMappingURL=chroot-remove.js.map
