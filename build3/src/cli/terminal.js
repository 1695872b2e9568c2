/** Where nothing says how wide it is. */
const usualColumns = 100;
/** Ask a stream and the environment. Colour is for terminals alone, and NO_COLOR (no-color.org) forbids it. */
export function terminalOf(stream, env) {
  const columns = stream.columns ?? Number(env.COLUMNS);
  return {
    columns: columns > 0 ? columns : usualColumns,
    color: stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb',
    unicode: /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || ''),
  };
}
//# sourceMappingURL=terminal.js.map
