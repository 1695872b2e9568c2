/*
 * What yargs makes of the words after a command's name. It is given that one command alone, and its own help is not
 * used: it knows no chapters and no names for values.
 */
import yargs from 'yargs';
import {standardInput} from '../index.js';
import {type Arguments, type Command, parseUsage} from './command.js';
import {
  givenTwice,
  missingBeforeDashes,
  optionOf,
  unknownOption,
  valueOfFlag,
  wordComplaint,
} from './complaints.js';

/** Where yargs would look for a configuration if asked; by default it looks up the working directory. */
const nowhere = '/';

/** The arguments, or one line that says what is wrong with the words. */
export type Parsed = {readonly args: Arguments} | {readonly complaint: string};

export function parseArguments(command: Command, given: readonly string[]): Parsed {
  const words = spellOut(command, given);
  let complaint =
    unknownOption(command, words) ?? valueOfFlag(command, words) ?? missingBeforeDashes(command, words);
  if (complaint !== undefined) return {complaint};
  const args = yargs(settleFlags(command, endOptions(command, nameStandardInput(command, words))), nowhere)
    .locale('en')
    .version(false)
    .help(false)
    .parserConfiguration({
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'dot-notation': false,
      'camel-case-expansion': false,
      'populate--': true,
    })
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      if (error && error.name !== 'YError') throw error;
      // yargs goes on after the first complaint; one is enough.
      complaint ??= wordComplaint(command, message);
    })
    .command(asDefault(command), '', (builder) => builder.options(command.options).demandCommand(0))
    .parseSync();
  complaint ??= givenTwice(command, args);
  return complaint === undefined ? {args} : {complaint};
}

/** yargs's name for a command that is not named: `$0 <files..>`. */
function asDefault({usage}: Command): string {
  return usage.replace(parseUsage(usage).name, '$0');
}

/**
 * After `--` comes the command to run, if the definition has one, or else files whose names may begin with a dash;
 * yargs would not take those as positional arguments.
 */
function endOptions({rest}: Command, words: readonly string[]): string[] {
  const end = words.indexOf('--');
  const hasRest =
    rest !== undefined && (rest.needs === undefined || words.slice(0, end).includes(`--${rest.needs}`));
  if (end < 0 || hasRest) return [...words];
  const files = words.slice(end + 1).map((file) => (file.startsWith('-') ? `./${file}` : file));
  return [...words.slice(0, end), ...files];
}

/** Short options as long ones, read as getopt(3) does: `-no out` and `-noout` as `--dry-run --output out`. */
function spellOut({options}: Command, words: readonly string[]): string[] {
  const end = words.indexOf('--');
  return words.flatMap((word, i) => {
    if (!/^-[^-]/.test(word) || (end >= 0 && i > end)) return [word];
    const spelt: string[] = [];
    for (let rest = word.slice(1); rest !== ''; ) {
      const [name, option] = Object.entries(options).find(([, {alias}]) => alias === rest.charAt(0)) ?? [];
      if (option === undefined) return [...spelt, `-${rest}`];
      rest = rest.slice(1);
      const isValue = rest.startsWith('=') || (rest !== '' && option.type !== 'boolean');
      spelt.push(isValue ? `--${name}=${rest.replace(/^=/, '')}` : `--${name}`);
      if (isValue) break;
    }
    return spelt;
  });
}

/** yargs takes a file called `true` or `false` for the value of the flag before it. */
function settleFlags(command: Command, words: readonly string[]): string[] {
  const end = words.indexOf('--');
  return words.map((word, i) => {
    const isFile = /^(true|false)$/.test(words[i + 1] ?? '') && (end < 0 || i < end);
    return isFile && optionOf(command, word)?.type === 'boolean' ? `${word}=true` : word;
  });
}

/**
 * yargs loses a file that is called `-`. The value of an option may be attached to it, as in `--output=-` and `-o-`. What
 * follows `--` is for another program.
 */
function nameStandardInput(command: Command, words: readonly string[]): string[] {
  const end = words.indexOf('--');
  return words.map((word, i) => {
    if (end >= 0 && i > end) return word;
    if (word === '-') return standardInput;
    const name = /^(--.*)=-$/s.exec(word)?.[1];
    return /^(FILE|DIR)/.test(optionOf(command, name)?.value ?? '') ? `${name}=${standardInput}` : word;
  });
}
