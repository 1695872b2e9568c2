import {columnsOf, type Descriptor, isTerminal} from './streams.js';

/** What a command must know about where its text will be shown. */
export interface Terminal {
  /** Characters in a line. */
  readonly columns: number;
  readonly color: boolean;
  /** May more than ASCII be printed? */
  readonly unicode: boolean;
}

/** Where nothing says how wide it is. */
const usualColumns = 100;

/** The widest that a terminal can say it is; V8 aborts when a line of `COLUMNS` characters is too long for it. */
const mostColumns = 65535;

/** Ask the terminal, if it is one, and the environment. */
export function terminalOf(descriptor: Descriptor, env: NodeJS.ProcessEnv): Terminal {
  const columns = columnsOf(descriptor) ?? Number(env.COLUMNS);
  return {
    columns: columns > 0 ? Math.min(columns, mostColumns) : usualColumns,
    color: hasColor(descriptor, env),
    unicode: /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || ''),
  };
}

/** Colour is for terminals alone, and NO_COLOR (no-color.org) forbids it. */
export function hasColor(descriptor: Descriptor, env: NodeJS.ProcessEnv): boolean {
  return !env.NO_COLOR && knowsEscapes(env) && isTerminal(descriptor);
}

/** A terminal without escape sequences, as that of a shell in Emacs. */
export function knowsEscapes(env: NodeJS.ProcessEnv): boolean {
  return env.TERM !== 'dumb';
}
