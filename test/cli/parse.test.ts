/*
 * How words become arguments: without yargs if there are no options, with the same result.
 */
import test, {type ExecutionContext} from 'ava';
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

/** What a command can see of its arguments; for no files, yargs gives sometimes nothing, sometimes an empty list. */
function seen(args: Readonly<Record<string, unknown>>, {usage, options}: Command): Record<string, unknown> {
  const names = [...parseUsage(usage).parameters.map(({name}) => name), ...Object.keys(options), '--'];
  const isEmpty = (value: unknown) => Array.isArray(value) && value.length === 0;
  return Object.fromEntries(names.map((name) => [name, isEmpty(args[name]) ? undefined : args[name]]));
}

/** Each option of a command with a fitting value, in each way to write it. */
function* fittingOptions({options}: Command): Generator<string[]> {
  for (const [name, {type, choices}] of Object.entries(options)) {
    if (type === 'boolean') yield [`--${name}`];
    else {
      const value = choices?.[0] ?? './a=b c';
      yield [`--${name}`, value];
      yield [`--${name}=${value}`];
    }
  }
}

/** The required options that are not among the words. */
function demanded({options}: Command, words: readonly string[]): string[] {
  return Object.keys(options)
    .filter((name) => options[name]?.demandOption && !words.some((word) => word.startsWith(`--${name}`)))
    .flatMap((name) => [`--${name}`, 'needed']);
}

/** Have both parse the words, which are plain. */
function compare(t: ExecutionContext, command: Command, words: readonly string[]): void {
  const plain = plainArguments(command, words);
  const parsed = parseArguments(command, words);
  t.truthy(plain, `${words.join(' ')}: yargs was asked`);
  if ('args' in parsed) t.deepEqual(seen(plain ?? {}, command), seen(parsed.args, command), words.join(' '));
  else t.fail(parsed.complaint);
}

for (const command of commands) {
  test(`${nameOf(command)}: of plain words yargs would make the same`, (t) => {
    for (const words of fittingWords(command)) {
      if (words.includes('true')) t.is(plainArguments(command, words), undefined);
      else compare(t, command, [...words, ...demanded(command, words)]);
    }
    const [few = []] = fittingWords(command);
    const options = [...fittingOptions(command)];
    for (const [i, first] of options.entries()) {
      for (const words of [
        [...few, ...first],
        [...first, ...few],
      ])
        compare(t, command, [...words, ...demanded(command, words)]);
      const second = options[(i + 2) % options.length] ?? [];
      const isSame = first[0]?.split('=')[0] === second[0]?.split('=')[0];
      const words = [...first, ...few, ...(isSame ? [] : second)];
      compare(t, command, [...words, ...demanded(command, words)]);
    }
  });
  test(`${nameOf(command)}: what is not plain, or wrong, is left to yargs`, (t) => {
    const [few = []] = fittingWords(command);
    const {parameters} = parseUsage(command.usage);
    const complete = [...few, ...demanded(command, few)];
    for (const more of [
      ['-'],
      ['--'],
      ['--no-json'],
      ['--json=yes'],
      ['-o'],
      [''],
      ['--frobnicate'],
      ['true'],
    ])
      t.is(plainArguments(command, [...complete, ...more]), undefined, more.join(' '));
    for (const [name, {type, array, choices}] of Object.entries(command.options)) {
      if (type === 'boolean') continue;
      const rest = [...few, ...demanded(command, [`--${name}`])];
      const value = choices?.[0] ?? 'x';
      const twice = [`--${name}`, value, `--${name}`, value];
      if (array) compare(t, command, [...rest, ...twice]);
      else t.is(plainArguments(command, [...rest, ...twice]), undefined);
      for (const wrong of [[], ['-x'], [''], ['"quoted"'], ...(choices === undefined ? [] : [['x']])])
        t.is(plainArguments(command, [...rest, `--${name}`, ...wrong]), undefined, name);
      t.is(plainArguments(command, [...rest, `--${name}=`]), undefined, name);
    }
    if (few.length > 0) t.is(plainArguments(command, complete.slice(1)), undefined);
    if (!parameters.some(({isVariadic}) => isVariadic))
      t.is(plainArguments(command, [...parameters.map(() => 'x'), 'x', ...demanded(command, [])]), undefined);
  });
}

test('short options are read as getopt(3) reads them', (t) => {
  for (const [line, expected] of [
    ['edit f -no x', {'dry-run': true, output: 'x', files: ['f']}],
    ['edit -nox f', {'dry-run': true, output: 'x', files: ['f']}],
    ['edit -o./x f', {output: './x', files: ['f']}],
    ['edit -o=x f', {output: 'x', files: ['f']}],
    ['edit -0n f', {null: true, 'dry-run': true, files: ['f']}],
    ['edit -n=false f', {'dry-run': false, files: ['f']}],
    ['edit -- -nox', {files: ['./-nox']}],
    ['tree -ar x', {all: true, recursive: ['x']}],
    ['tree -ra x', {recursive: ['a'], files: ['x']}],
    ['edit -n1 f', 'unknown option: -1'],
    ['edit -nx f', 'unknown option: -x'],
    ['edit -n=1 f', '--dry-run takes no value'],
    ['edit f -no', '--output FILE is missing its value'],
  ] as const) {
    const found = findCommand(line.split(' '));
    const parsed = found && parseArguments(found.command, found.words);
    if (typeof expected === 'string') t.deepEqual(parsed, {complaint: expected}, line);
    else t.like(parsed, {args: expected}, line);
  }
});

test('options that are wanted and not given are left to yargs', (t) => {
  const wanting = commands.filter(({options}) =>
    Object.values(options).some(({demandOption}) => demandOption),
  );
  t.deepEqual(wanting.map(nameOf), ['unpack', 'bundle']);
  for (const command of wanting) t.is(plainArguments(command, ['x']), undefined);
});

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
