import {applyToFiles} from '../apply-edit.js';
import type {Arguments} from '../command.js';
import type {Output} from '../output.js';

export function run(args: Arguments, output: Output): Promise<number | undefined> {
  const interpreter = args.interpreter as string;
  const allowRelative = Boolean(args['allow-relative']);
  return applyToFiles([args.file as string], {interpreter, allowRelative}, args, output);
}
