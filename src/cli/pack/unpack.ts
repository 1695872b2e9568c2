import {unpack} from '../../index.js';
import type {ArgumentsOf} from '../command.js';
import type {Output} from '../output.js';
import {showProgress} from '../progress.js';
import {refuseStandardInput} from '../refuse-standard-input.js';
import type {unpack as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

export async function run(args: Arguments, output: Output): Promise<undefined> {
  const into = args.into;
  refuseStandardInput('--into', into);
  const {contents, files} = await unpack(args.file, {into, onProgress: showProgress(output)});
  if (args.json) output.json({into, files, contents});
  else for (const file of files) output.data(`${into}/${file}`);
}
