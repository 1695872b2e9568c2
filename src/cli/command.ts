import type {Options} from 'yargs';
import type {Output} from './output.js';

/** One subcommand: its one definition of arguments, from which parsing, help, manual, completion and errors come. */
export interface Command {
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
  /** What stands behind `--`, if it is not the rest of the files. */
  readonly rest?: {
    readonly name: string;
    readonly describe: string;
    /** The flag without which it is the rest of the files after all. */
    readonly needs?: string;
  };
  /** Load the code that does the work. */
  load(): Promise<{run(args: Arguments, output: Output): number | undefined | Promise<number | undefined>}>;
}

export interface Positional {
  readonly describe: string;
  readonly type: 'string';
  readonly choices?: readonly string[];
  /** What completion offers; without it, files. */
  readonly complete?: 'directories' | 'nothing';
}

export interface Option extends Omit<Options, 'choices' | 'alias'> {
  readonly choices?: readonly string[];
  readonly alias?: string;
  /** In words, what holds without it, where yargs does not put a default in. */
  readonly usual?: string;
  /** A flag that says more than its absence does both ways, as `--name` and as `--no-name`. */
  readonly twoWays?: boolean;
  /** What its value is called in the help, as in `--output FILE`; by that name completion knows what to offer. */
  readonly value?: string;
}

export interface Example {
  readonly line: string;
  readonly meaning: string;
}

/** The parsed command line, typed by the command that knows its own options. */
export type Arguments = Readonly<Record<string, unknown>>;

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
  if (rest !== undefined) words.push(`[-- ${rest.name}...]`);
  return words.map((word) => ` ${word}`).join('');
}

/** `<files..>` as `FILE...`. */
export function placeholder({name, isVariadic}: Argument): string {
  return isVariadic ? `${name.replace(/s$/, '').toUpperCase()}...` : name.toUpperCase();
}
