/*
 * What a shell's completion offers for a command line that is being typed. The shells' own scripts only ask `elfinterp
 * __complete WORD...`, the last word being the one under the cursor, and print what it answers: one candidate per line,
 * followed by a tab and a description, and last, after a colon, which files the shell should also offer. For the
 * drop-ins the first word is their name.
 */
import {debianArchitectures} from '../../index.js';
import {type Command, type Option, parseUsage} from '../command.js';
import {commands, commandsIn, findCommand, groupOf, groups, nameOf} from '../commands.js';
import {chrpathEntries} from '../drop-ins/chrpath.js';
import {patchelfEntries} from '../drop-ins/patchelf-options.js';
import type {Output} from '../output.js';
import {trusted} from '../safe-text.js';

type Files = 'files' | 'directories' | 'nothing';

interface Offer {
  /** Each candidate, and what it is. */
  readonly words: ReadonlyMap<string, string>;
  readonly files: Files;
}

/** Print what may replace the last of these words. */
export function complete(words: readonly string[], output: Output): void {
  const current = words.at(-1) ?? '';
  const offer = offerFor(words.slice(0, -1), current);
  for (const [word, text] of offer.words)
    if (word.startsWith(current)) output.line(trusted(`${word}\t${text}`));
  output.line(trusted(`:${offer.files}`));
}

function offerFor(before: readonly string[], current: string): Offer {
  const [first = '', ...others] = before;
  if (Object.hasOwn(dropIns, first)) return inDropIn(dropIns[first] ?? [], others, current);
  const found = findCommand(before);
  if (found !== undefined) return inCommand(found.command, found.words, current);
  const [group] = before;
  if (group === undefined) return {words: firstWords(current), files: 'nothing'};
  if (before.length === 1 && Object.hasOwn(groups, group))
    return {words: secondWords(group), files: 'nothing'};
  return before.length === 1 && group === 'help' ? {words: firstWords(''), files: 'nothing'} : nothing;
}

interface Entry {
  /** The option in each of its forms, then the names of its values: `-r, --replace PATH`. */
  readonly term: string;
  readonly text: string;
}

const dropIns: Readonly<Record<string, readonly Entry[]>> = {
  'elfinterp-patchelf': patchelfEntries,
  'elfinterp-chrpath': chrpathEntries,
};

function inDropIn(entries: readonly Entry[], before: readonly string[], current: string): Offer {
  const spelt = entries.map(({term, text}) => ({words: term.split(/[ ,=]+/), text}));
  const last = spelt.find(({words}) => words.includes(before.at(-1) ?? ''));
  const value = last?.words.find((word) => !word.startsWith('-'));
  if (value !== undefined)
    return {words: new Map(), files: /^(FILE|INTERPRETER|MAP)/.test(value) ? 'files' : 'nothing'};
  if (!current.startsWith('-')) return {words: new Map(), files: 'files'};
  const options = spelt.flatMap(({words, text}) =>
    words.filter((word) => word.startsWith('--')).map((word): [string, string] => [word, text]),
  );
  return {words: new Map(options), files: 'nothing'};
}

const nothing: Offer = {words: new Map(), files: 'nothing'};

function firstWords(current: string): Map<string, string> {
  if (current.startsWith('-'))
    return new Map([
      ['--help', 'show the help'],
      ['--version', 'show the version'],
    ]);
  const alone = commands.filter((command) => groupOf(command) === undefined);
  return new Map([...alone.map(describe), ...Object.entries(groups)]);
}

function secondWords(group: string): Map<string, string> {
  return new Map(commandsIn(group).map((command) => describe(command, group)));
}

function describe(command: Command, group: unknown = ''): [string, string] {
  const prefix = typeof group === 'string' && group !== '' ? group.length + 1 : 0;
  return [nameOf(command).slice(prefix), command.summary];
}

function inCommand(command: Command, before: readonly string[], current: string): Offer {
  if (before.includes('--')) return {words: new Map(), files: 'files'};
  // bash makes three words of `--format=json`, others one.
  const [option, equals] = before.slice(-2);
  const waiting =
    current === '=' || before.at(-1) === '=' ? (current === '=' ? before.at(-1) : option) : undefined;
  if (waiting !== undefined && (equals === '=' || current === '='))
    return offerForValue(optionOf(command, waiting));
  const last = optionOf(command, before.at(-1));
  if (last !== undefined && last.type !== 'boolean') return offerForValue(last);
  const [, name = '', value] = /^(--[^=]+)(=)/.exec(current) ?? [];
  if (value !== undefined) return withPrefix(`${name}=`, offerForValue(optionOf(command, name)));
  return current.startsWith('-')
    ? {words: optionsLeft(command, before), files: 'nothing'}
    : positionalOf(command, before);
}

function optionOf({options}: Command, word: string | undefined): Option | undefined {
  if (word === undefined) return undefined;
  return Object.entries(options).find(([name, {alias}]) => word === `--${name}` || word === `-${alias}`)?.[1];
}

/** The placeholder says what a value is: FILE, DIR, ARCH. */
function offerForValue(option: Option | undefined): Offer {
  if (option === undefined) return nothing;
  const {choices, value = ''} = option;
  const words = choices ?? (value === 'ARCH' ? debianArchitectures() : []);
  const files = /^(FILE|SRC)/.test(value) ? 'files' : value.startsWith('DIR') ? 'directories' : 'nothing';
  return {words: new Map(words.map((word) => [word, ''])), files};
}

function withPrefix(prefix: string, {words, files}: Offer): Offer {
  return {words: new Map([...words].map(([word, text]) => [`${prefix}${word}`, text])), files};
}

/** An option that may be given once, and was, is not offered again. */
function optionsLeft({options}: Command, before: readonly string[]): Map<string, string> {
  const left = Object.entries(options).filter(
    ([name, {alias, array}]) => array || !(before.includes(`--${name}`) || before.includes(`-${alias}`)),
  );
  const spelt = left.flatMap(([name, option]) =>
    formsOf(name, option).map((form): [string, string] => [form, option.describe ?? '']),
  );
  return new Map([...spelt, ['--help', 'show the help']]);
}

/** The forms that change something: not a flag that is on by default. */
function formsOf(name: string, {default: usual, twoWays}: Option): string[] {
  if (twoWays) return [`--${name}`, `--no-${name}`];
  return [usual === true ? `--no-${name}` : `--${name}`];
}

function positionalOf(command: Command, before: readonly string[]): Offer {
  const isValue = (i: number) => {
    const option = optionOf(command, before[i - 1]);
    return option !== undefined && option.type !== 'boolean';
  };
  const count = before.filter((word, i) => !word.startsWith('-') && !isValue(i)).length;
  const {parameters} = parseUsage(command.usage);
  const parameter = parameters[count] ?? (parameters.at(-1)?.isVariadic ? parameters.at(-1) : undefined);
  if (parameter === undefined) return nothing;
  const {choices = [], complete: files = choices.length > 0 ? 'nothing' : 'files'} =
    command.positionals[parameter.name] ?? {};
  return {words: new Map(choices.map((word) => [word, ''])), files};
}
