import type {Arguments} from '../command.js';
import {scripts} from '../completion/scripts.js';
import {exitStatus, type Output} from '../output.js';
import {safe, trusted} from '../safe-text.js';
import {didYouMean} from '../suggest.js';

export function run(args: Arguments, output: Output): number | undefined {
  const shell = args.shell as string;
  if (Object.hasOwn(scripts, shell)) {
    output.line(trusted(scripts[shell as keyof typeof scripts]));
    return undefined;
  }
  const shells = Object.keys(scripts);
  output.note(
    safe`no completion for ${shell}${didYouMean(shell, shells)}; there is one for ${shells.join(', ')}; see elfinterp completion --help`,
  );
  return exitStatus.usage;
}
