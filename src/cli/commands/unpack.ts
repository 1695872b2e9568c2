import {unpack} from '../../index.js';
import type {Arguments} from '../command.js';
import type {Output} from '../output.js';
import {showProgress} from '../progress.js';

export async function run(args: Arguments, output: Output): Promise<undefined> {
  const into = args.into as string;
  const {contents, files} = await unpack(args.file as string, {into, onProgress: showProgress(output)});
  if (args.json) output.json({into, files, contents});
  else for (const file of files) output.data(`${into}/${file}`);
}
