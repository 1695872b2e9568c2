/*
 * The argument types that a command's code sees are derived from its definition, and match what the parser returns.
 */
import test from 'ava';
import {type ArgumentsOf, command, type Definition} from '../../src/cli/command.js';
import {choice, flag, list, text} from '../../src/cli/options.js';
import {parseArguments} from '../../src/cli/parse.js';

const definition = {
  usage: 'try <file> [others..]',
  summary: '',
  positionals: {file: {describe: '', type: 'string'}, others: {describe: '', type: 'string'}},
  options: {
    into: text('DIR', '', {demandOption: true}),
    root: text('DIR', ''),
    libs: text('NAME', '', {default: 'lib'}),
    library: list('NAME', ''),
    format: choice('FORMAT', ['text', 'json'], ''),
    isolate: flag('', {default: true}),
    force: flag(''),
  },
  rest: {name: 'COMMAND', describe: ''},
  examples: [],
} as const satisfies Definition;

interface Expected {
  readonly file: string;
  readonly others: readonly string[] | undefined;
  readonly into: string;
  readonly root: string | undefined;
  readonly libs: string;
  readonly library: readonly string[] | undefined;
  readonly format: 'text' | 'json' | undefined;
  readonly isolate: boolean;
  readonly force: boolean | undefined;
  readonly '--': readonly string[] | undefined;
}

type Same<A, B> = [A, B] extends [B, A] ? true : false;

test('each argument has the type of its definition', (t) => {
  const isSame: Same<ArgumentsOf<typeof definition>, Expected> = true;
  t.true(isSame);
});

test('code that expects other arguments does not compile', (t) => {
  const run = (_args: {readonly root: string}) => undefined;
  // @ts-expect-error: --root may be missing.
  t.truthy(command(definition, async () => ({run})));
});

test('the parser makes what the types say', (t) => {
  const parse = (...words: string[]) => {
    const parsed = parseArguments(
      command(definition, async () => ({run: () => undefined})),
      words,
    );
    if ('complaint' in parsed) throw new Error(parsed.complaint);
    return parsed.args as ArgumentsOf<typeof definition>;
  };
  const bare = parse('a', '--into', 'd');
  t.like(bare, {file: 'a', into: 'd', libs: 'lib', isolate: true});
  for (const name of ['root', 'library', 'format', 'force'] as const) t.is(bare[name], undefined, name);
  const full = parse(
    'a',
    'b',
    'c',
    '--into',
    'd',
    '--library',
    'x',
    '--format',
    'json',
    '--force',
    '--',
    'e',
  );
  t.like(full, {file: 'a', others: ['b', 'c'], library: ['x'], format: 'json', force: true, '--': ['e']});
});
