/*
 * What is wrong with a command line, in one line.
 */
import {type Arguments, type Command, type Option, placeholders} from './command.js';
import {nameOf} from './commands.js';
import {enumerate} from './safe-text.js';
import {didYouMean} from './suggest.js';

/** The most words to list: a shell pattern may have expanded to thousands. */
const mostWords = 3;

/** What yargs says, and what we say. */
const wordings: readonly (readonly [RegExp, (command: Command, found: RegExpExecArray) => string])[] = [
  [
    /^Not enough non-option/,
    (command) => `an argument is missing: elfinterp ${nameOf(command)}${placeholders(command)}`,
  ],
  [
    /^Not enough arguments following: (.*)/,
    (command, [, name]) => `${spell(command, `--${name}`)} is missing its value`,
  ],
  [/^Missing required argument: (.*)/, (command, [, name]) => `${spell(command, `--${name}`)} is missing`],
  [
    /^Unknown arguments?: (.*)/,
    (command, [, words = '']) =>
      `unexpected argument: ${enumerate(words.split(', '), mostWords)}${behindDashes(command)}`,
  ],
  [
    /^Invalid values: Argument: ([^,]*), Given: "(.*)", Choices: /,
    ({options}, [, name = '', given = '']) => {
      const choices = options[name]?.choices ?? [];
      return `--${name} cannot be ${given}${didYouMean(given, choices)}; it must be one of ${choices.join(', ')}`;
    },
  ],
];

/** Say in our words what yargs complains of. */
export function wordComplaint(command: Command, message: string): string {
  const line = message.trim().replace(/\s*\n\s*/g, ' ');
  for (const [pattern, word] of wordings) {
    const found = pattern.exec(line);
    if (found !== null) return word(command, found);
  }
  return line.charAt(0).toLowerCase() + line.slice(1);
}

/** yargs takes the word after an unknown option as its value, and then reports that word as missing. */
export function unknownOption(command: Command, words: readonly string[]): string | undefined {
  const known = Object.entries(command.options).flatMap(([name, {alias, type}]) => [
    `--${name}`,
    ...(type === 'boolean' ? [`--no-${name}`] : []),
    ...(alias === undefined ? [] : [`-${alias}`]),
  ]);
  const word = beforeDashes(words)
    .filter((candidate) => /^--?[^-]/.test(candidate))
    .map((candidate) => candidate.replace(/=.*/s, ''))
    .find((candidate) => !known.includes(candidate) && !known.includes(candidate.slice(0, 2)));
  if (word === undefined) return undefined;
  return `unknown option: ${word}${didYouMean(word, known)}${behindDashes(command)}`;
}

/** yargs would take `--dry-run=yes` for a no. */
export function valueOfFlag({options}: Command, words: readonly string[]): string | undefined {
  for (const word of beforeDashes(words)) {
    const [, spelt = '', value = ''] = /^--?(?:no-)?([^=-][^=]*)=(.*)/s.exec(word) ?? [];
    const name = Object.keys(options).find((known) => known === spelt || options[known]?.alias === spelt);
    if (name === undefined || options[name]?.type !== 'boolean' || /^(true|false)$/.test(value)) continue;
    return `--${name} takes no value`;
  }
  return undefined;
}

/** Without the `--` the first file would be the value that this option lacks. */
export function missingBeforeDashes(command: Command, words: readonly string[]): string | undefined {
  const before = beforeDashes(words);
  const last = before.length < words.length ? before.at(-1) : undefined;
  return optionOf(command, last)?.type === 'string'
    ? `${spell(command, last)} is missing its value`
    : undefined;
}

/** The option that a word is, without a value in it. */
export function optionOf({options}: Command, word = ''): Option | undefined {
  const name = word.replace(/^--/, '');
  return word.startsWith('--') && Object.hasOwn(options, name) ? options[name] : undefined;
}

/** What follows `--` is not an option. */
function beforeDashes(words: readonly string[]): readonly string[] {
  const end = words.indexOf('--');
  return end < 0 ? words : words.slice(0, end);
}

/** For those who forget the `--`. */
function behindDashes({rest}: Command): string {
  return rest === undefined || rest.needs !== undefined
    ? ''
    : `; ${rest.describe.replace(/ \(.*/, '')} goes after --`;
}

/** An option that takes one value and was given two. */
export function givenTwice({options}: Command, args: Arguments): string | undefined {
  const twice = Object.keys(options).find(
    (name) => Array.isArray(args[name]) && options[name]?.array !== true,
  );
  return twice === undefined ? undefined : `--${twice} is given more than once`;
}

/** An option with the name of its value, as the help has it. */
function spell(command: Command, word = ''): string {
  const value = optionOf(command, word)?.value;
  return `${word}${value === undefined ? '' : ` ${value}`}`;
}
