/*
 * Command lines without an option, `elfinterp get FILE` above all: to put words in the places that `usage` names, yargs
 * is not needed, and loading it would double what `get` costs. Whatever is not that plain, or wrong, is left to yargs;
 * a test compares the two.
 */
import {type Arguments, type Command, parseUsage} from './command.js';

/** The arguments that yargs would make of these words; undefined where yargs has to be asked. */
export function plainArguments(command: Command, words: readonly string[]): Arguments | undefined {
  if (words.some((word) => word === '' || word.startsWith('-'))) return undefined;
  if (Object.values(command.options).some(({default: value, demandOption}) => value ?? demandOption))
    return undefined;
  const args: Record<string, unknown> = {};
  const left = [...words];
  for (const {name, isRequired, isVariadic} of parseUsage(command.usage).parameters) {
    if (isRequired && left.length === 0) return undefined;
    args[name] = isVariadic && left.length > 0 ? left.splice(0) : left.shift();
  }
  return left.length === 0 ? args : undefined;
}
