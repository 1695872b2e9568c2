/* Colours of a terminal, or none of them: the functions give text back as it is when there is no colour. */
export function createPainter(color) {
  const sgr = (codes) => (text) => (!color || text === '' ? text : `\x1b[${codes}m${text}\x1b[0m`);
  return {
    program: sgr('1'),
    name: sgr('1;36'),
    reason: sgr('33'),
    problem: sgr('1;31'),
    aside: sgr('2'),
  };
}
//# sourceMappingURL=paint.js.map
