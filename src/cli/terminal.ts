/** What a command must know of the place where its text will be read. */
export interface Terminal {
  /** Characters in a line. */
  readonly columns: number;
  readonly color: boolean;
  /** May more than ASCII be printed? */
  readonly unicode: boolean;
}

/** Where nothing says how wide it is. */
const usualColumns = 100;

/** Ask a stream and the environment. Colour is for terminals alone, and NO_COLOR (no-color.org) forbids it. */
export function terminalOf(
  stream: {readonly isTTY?: boolean; readonly columns?: number},
  env: NodeJS.ProcessEnv,
): Terminal {
  const columns = stream.columns ?? Number(env.COLUMNS);
  return {
    columns: columns > 0 ? columns : usualColumns,
    color: stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb',
    unicode: /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || ''),
  };
}
