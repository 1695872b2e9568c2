import type {Options} from 'yargs';
import type {Output} from './output.js';

/**
 * The definition of a subcommand: the single source for parsing, the types of its arguments, help, manual, completion
 * and errors.
 */
export interface Definition {
  /** As yargs writes it: `get <files..>`. */
  readonly usage: string;
  readonly summary: string;
  /** What each argument of `usage` is. */
  readonly positionals: Readonly<Record<string, Positional>>;
  readonly options: Readonly<Record<string, Option>>;
  /** Example command lines, each with what it does or prints. */
  readonly examples: readonly Example[];
  /** What else the help should say. */
  readonly epilogue?: string;
  /** If it differs from that of other commands. */
  readonly exitStatus?: string;
  /** What follows `--`, if it is not the rest of the files. */
  readonly rest?: {
    readonly name: string;
    readonly describe: string;
    /** The flag that this requires; without it, the words are more files. */
    readonly needs?: string;
    readonly isRequired?: boolean;
  };
}

/** A subcommand: its definition, and where its code is. */
export interface Command extends Definition {
  /** Load the code that does the work. */
  load(): Promise<Runnable<Arguments>>;
}

/** The code of a command; `run` returns the exit status, or undefined to derive it from `output`. */
interface Runnable<A> {
  readonly run: (args: A, output: Output) => number | undefined | Promise<number | undefined>;
}

/** The command line is wrong; the message says how, and is printed before `; see COMMAND --help`. */
export class UsageError extends Error {}

/** A command; the compiler compares the arguments of its code with those of its definition. */
export function command<D extends Definition>(
  definition: D,
  load: () => Promise<Runnable<ArgumentsOf<D>>>,
): Command {
  // The parser makes what the definition says.
  return {...definition, load: load as Command['load']};
}

interface Positional {
  readonly describe: string;
  readonly type: 'string';
  readonly choices?: readonly string[];
  /** What completion offers; without it, files. */
  readonly complete?: 'directories' | 'nothing';
}

export interface Option extends Omit<Options, 'choices' | 'alias'> {
  readonly choices?: readonly string[];
  readonly alias?: string;
  /** The default in words, if yargs does not set one. */
  readonly usual?: string;
  /** A flag whose two forms, `--name` and `--no-name`, both differ from leaving it out. */
  readonly twoWays?: boolean;
  /** What its value is called in the help, as in `--output FILE`; completion uses it to decide what to offer. */
  readonly value?: string;
}

export interface Example {
  readonly line: string;
  readonly meaning: string;
}

/** The parsed command line of any command. */
export type Arguments = Readonly<Record<string, unknown>>;

/** The parsed command line of one command. */
export type ArgumentsOf<D extends Pick<Definition, 'usage' | 'options' | 'rest'>> = {
  readonly [W in Words<D['usage']> as ArgumentName<W>]: ArgumentValue<W>;
} & OptionsOf<D['options']> &
  (D extends {rest: object} ? {readonly '--': readonly string[] | undefined} : unknown);

/** The parsed values of some options; `undefined` is one that was not given. */
export type OptionsOf<O extends Definition['options']> = {
  readonly [Name in keyof O]:
    | OptionValue<O[Name]>
    | (IsAlwaysThere<O[Name]> extends true ? never : undefined);
};

type OptionValue<O extends Option> = O extends {type: 'boolean'}
  ? boolean
  : O extends {array: true}
    ? readonly string[]
    : O extends {choices: readonly (infer Choice)[]}
      ? Choice
      : string;

type IsAlwaysThere<O extends Option> = O extends {default: string | boolean} | {demandOption: true}
  ? true
  : false;

type Words<Usage extends string> = Usage extends `${infer Word} ${infer Others}`
  ? Word | Words<Others>
  : Usage;

type ArgumentName<Word extends string> = Word extends `<${infer Name}..>` | `[${infer Name}..]`
  ? Name
  : Word extends `<${infer Name}>` | `[${infer Name}]`
    ? Name
    : never;

type ArgumentValue<Word extends string> =
  | (Word extends `${string}..${string}` ? readonly string[] : string)
  | (Word extends `[${string}` ? undefined : never);

/** An argument as `usage` has it. */
export interface Argument {
  readonly name: string;
  readonly isRequired: boolean;
  /** Takes all the words that are left. */
  readonly isVariadic: boolean;
}

/** Read `chroot install <chroot> [programs..]`. */
export function parseUsage(usage: string): {name: string; parameters: Argument[]} {
  const words = usage.split(' ');
  const isArgument = (word: string) => /^[<[]/.test(word);
  return {
    name: words.filter((word) => !isArgument(word)).join(' '),
    parameters: words.filter(isArgument).map((word) => ({
      name: word.replace(/^.|(\.\.)?.$/g, ''),
      isRequired: word.startsWith('<'),
      isVariadic: word.includes('..'),
    })),
  };
}

/** The arguments as the help writes them: ` FILE INTERPRETER`, ` CHROOT [-- COMMAND...]`. */
export function placeholders({usage, rest}: Command): string {
  const words = parseUsage(usage).parameters.map((argument) =>
    argument.isRequired ? placeholder(argument) : `[${placeholder(argument)}]`,
  );
  if (rest !== undefined) words.push(rest.isRequired ? `-- ${rest.name}...` : `[-- ${rest.name}...]`);
  return words.map((word) => ` ${word}`).join('');
}

/** `<files..>` as `FILE...`. */
export function placeholder({name, isVariadic}: Argument): string {
  return isVariadic ? `${name.replace(/s$/, '').toUpperCase()}...` : name.toUpperCase();
}
