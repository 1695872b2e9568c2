/* Colours of a terminal, or none of them: the functions give text back as it is when there is no colour. */

export interface Painter {
  /** The program. */
  readonly program: (text: string) => string;
  /** The file name of a library. */
  readonly name: (text: string) => string;
  readonly reason: (text: string) => string;
  readonly problem: (text: string) => string;
  /** What is there for completeness. */
  readonly aside: (text: string) => string;
}

export function createPainter(color: boolean): Painter {
  const sgr = (codes: string) => (text: string) =>
    !color || text === '' ? text : `\x1b[${codes}m${text}\x1b[0m`;
  return {
    program: sgr('1'),
    name: sgr('1;36'),
    reason: sgr('33'),
    problem: sgr('1;31'),
    aside: sgr('2'),
  };
}

/** The same text as a person reads it. */
export function withoutColor(text: string): string {
  return text.replace(/\x1b\[[\d;]*m/g, '');
}
