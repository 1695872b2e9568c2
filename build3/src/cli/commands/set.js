import {applyToFiles} from '../apply-edit.js';
export function run(args, output) {
  const interpreter = args.interpreter;
  const allowRelative = Boolean(args['allow-relative']);
  return applyToFiles([args.file], {interpreter, allowRelative}, args, output);
}
//# sourceMappingURL=set.js.map
