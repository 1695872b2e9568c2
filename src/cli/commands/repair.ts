import type {Arguments} from '../command.js';
import type {Output} from '../output.js';

export async function run(_args: Arguments, _output: Output): Promise<number | undefined> {
  return undefined;
}
