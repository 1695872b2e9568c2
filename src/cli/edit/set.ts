import type {ArgumentsOf} from '../command.js';
import type {Output} from '../output.js';
import {applyToFiles} from './apply-edit.js';
import type {set as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export function run(args: Arguments, output: Output): Promise<undefined> {
  const {file, interpreter} = args;
  const allowRelative = Boolean(args['allow-relative']);
  return applyToFiles([file], {interpreter, allowRelative}, args, output);
}
