/*
 * Plain command lines, `elfinterp set FILE INTERPRETER` and `elfinterp edit FILE --rpath DIR` above all: assigning
 * words to the names in `usage` and the options does not need yargs, and loading it costs more than `get` does.
 * Anything less plain, or wrong, is left to yargs; a test compares the two.
 */
import {type Arguments, type Command, type Option, parseUsage} from './command.js';

/** The arguments that yargs would make of these words; undefined where yargs has to be asked. */
export function plainArguments(command: Command, words: readonly string[]): Arguments | undefined {
  const args: Record<string, unknown> = {};
  const left = readOptions(command.options, words, args);
  if (left === undefined) return undefined;
  for (const [name, {default: value, demandOption}] of Object.entries(command.options)) {
    if (args[name] === undefined && demandOption) return undefined;
    if (value !== undefined) args[name] ??= value;
  }
  for (const {name, isRequired, isVariadic} of parseUsage(command.usage).parameters) {
    if (isRequired && left.length === 0) return undefined;
    args[name] = isVariadic ? left.splice(0) : left.shift();
  }
  return left.length === 0 ? args : undefined;
}

/** Put the options in their places. @returns the other words; undefined where something is not plain */
function readOptions(
  options: Readonly<Record<string, Option>>,
  words: readonly string[],
  args: Record<string, unknown>,
): string[] | undefined {
  const left: string[] = [];
  const rest = words.values();
  for (const word of rest) {
    if (word === '') return undefined;
    if (!word.startsWith('-')) {
      left.push(word);
      continue;
    }
    const [, name = '', joined] = /^--([a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    const value = option?.type === 'boolean' ? joined === undefined : (joined ?? rest.next().value);
    if (option === undefined || !isPlain(value, option) || (args[name] !== undefined && !option.array))
      return undefined;
    args[name] = option.array ? [...((args[name] as string[] | undefined) ?? []), value] : value;
  }
  // yargs takes these words after a flag for its value.
  return left.some((word) => word === 'true' || word === 'false') ? undefined : left;
}

/** Whether yargs would take a value as it is: it strips quotation marks, and takes what begins with a dash for an option. */
function isPlain(value: string | boolean | undefined, {choices}: Option): boolean {
  if (typeof value !== 'string') return value === true;
  return /^[^-'"]/.test(value) && (choices === undefined || choices.includes(value));
}
