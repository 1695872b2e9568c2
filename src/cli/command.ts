import type {Options} from 'yargs';
import type {Output} from './output.js';

/** One subcommand: its one definition of arguments, from which parsing, help and errors all come. */
export interface Command {
  /** As yargs writes it: `get <files..>`. */
  readonly usage: string;
  readonly summary: string;
  readonly positionals: Readonly<Record<string, Positional>>;
  readonly options: Readonly<Record<string, Options>>;
  /** Example command lines, each with what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** What stands behind `--`, for those who forget it: 'the command'. */
  readonly rest?: string;
  /** What else the help should say. */
  readonly epilogue?: string;
  /** Load the code that does the work. */
  load(): Promise<{run(args: Arguments, output: Output): number | undefined | Promise<number | undefined>}>;
}

export interface Positional {
  readonly describe: string;
  readonly type: 'string';
}

/** The parsed command line, typed by the command that knows its own options. */
export type Arguments = Readonly<Record<string, unknown>>;

export const jsonOption = {
  json: {type: 'boolean', describe: 'print the facts as JSON'},
} as const satisfies Record<string, Options>;

export const applyOptions = {
  output: {
    type: 'string',
    alias: 'o',
    requiresArg: true,
    describe: 'write the result to this file, leave FILE alone',
  },
  'dry-run': {type: 'boolean', alias: 'n', describe: 'print what would be written, and why; write nothing'},
  'in-place': {type: 'boolean', describe: 'write only the changed bytes into FILE itself (not atomic)'},
} as const satisfies Record<string, Options>;
