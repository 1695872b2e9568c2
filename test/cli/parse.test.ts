/*
 * How words become arguments: without yargs where there is no option, and then just as with it.
 */
import test from 'ava';
import {type Command, parseUsage} from '../../src/cli/command.js';
import {commands, findCommand, nameOf} from '../../src/cli/commands.js';
import {parseArguments} from '../../src/cli/parse.js';
import {plainArguments} from '../../src/cli/plain.js';
import {suggest} from '../../src/cli/suggest.js';

/** Words that fit a command's usage: the fewest, then more and more. */
function* fittingWords({usage}: Command): Generator<string[]> {
  const {parameters} = parseUsage(usage);
  const required = parameters.filter(({isRequired}) => isRequired).length;
  const most = parameters.length + (parameters.some(({isVariadic}) => isVariadic) ? 2 : 0);
  for (let count = required; count <= most; count++)
    yield Array.from({length: count}, (_, i) => ['7', './a b', '1.50', 'true', 'é'][i] ?? 'x');
}

/** What a command can see of its arguments. */
function seen(args: Readonly<Record<string, unknown>>, {usage, options}: Command): Record<string, unknown> {
  const names = [...parseUsage(usage).parameters.map(({name}) => name), ...Object.keys(options), '--'];
  return Object.fromEntries(names.map((name) => [name, args[name]]));
}

for (const command of commands) {
  const hasDefaults = Object.values(command.options).some(
    (option) => 'default' in option || 'demandOption' in option,
  );
  test(`${nameOf(command)}: without an option ${hasDefaults ? 'yargs is asked' : 'yargs would say the same'}`, (t) => {
    for (const words of fittingWords(command)) {
      const plain = plainArguments(command, words);
      const parsed = parseArguments(command, words);
      if (hasDefaults) t.is(plain, undefined);
      else if ('args' in parsed) t.deepEqual(seen(plain ?? {}, command), seen(parsed.args, command));
      else t.fail(parsed.complaint);
    }
  });
  test(`${nameOf(command)}: what is not plain, or wrong, is left to yargs`, (t) => {
    const [few = []] = fittingWords(command);
    const {parameters} = parseUsage(command.usage);
    for (const word of ['-', '--', '--json', '-o', ''])
      t.is(plainArguments(command, [...few, word]), undefined);
    if (few.length > 0) t.is(plainArguments(command, few.slice(1)), undefined);
    if (!parameters.some(({isVariadic}) => isVariadic))
      t.is(plainArguments(command, [...parameters.map(() => 'x'), 'x']), undefined);
  });
}

test('a command is found by all of its words', (t) => {
  t.is(findCommand(['chroot', 'run', 'x'])?.command.usage, 'chroot run <chroot>');
  t.deepEqual(findCommand(['chroot', 'run', 'x'])?.words, ['x']);
  for (const words of [[], ['chroot'], ['chroot', 'x'], ['run'], ['toString'], ['--json', 'get']])
    t.is(findCommand(words), undefined);
});

const names = ['get', 'set', 'show', 'edit', 'check', 'needed', 'tree', 'bundle', '--interpreter', '--into'];
for (const [word, meant] of [
  ['gte', 'get'],
  ['ste', 'set'],
  ['chekc', 'check'],
  ['eddit', 'edit'],
  ['need', 'needed'],
  ['--interpeter', '--interpreter'],
  ['x', undefined],
  ['frobnicate', undefined],
] as const)
  test(`${word} ${meant === undefined ? 'is near nothing' : `was meant to be ${meant}`}`, (t) => {
    t.is(suggest(word, names), meant);
  });
