import {type ArgumentsOf, UsageError} from '../command.js';
import type {Output} from '../output.js';
import {trusted} from '../safe-text.js';
import {didYouMean} from '../suggest.js';
import type {completion as definition} from './definition.js';
import {scripts} from './scripts.js';

type Arguments = ArgumentsOf<typeof definition>;

export function run({shell}: Arguments, output: Output): undefined {
  const shells = Object.keys(scripts);
  if (!isShell(shell))
    throw new UsageError(
      `no completion for ${shell}${didYouMean(shell, shells)}; there is one for ${shells.join(', ')}`,
    );
  output.line(trusted(scripts[shell]));
}

function isShell(name: string): name is keyof typeof scripts {
  return Object.hasOwn(scripts, name);
}
