/* Colours of a terminal, or none of them: the functions give text back as it is when there is no colour. */
import {colored, type SafeText, safe} from '../safe-text.js';

type Paint = (text: string | SafeText) => SafeText;

export interface Painter {
  /** The program. */
  readonly program: Paint;
  /** The file name of a library. */
  readonly name: Paint;
  readonly reason: Paint;
  readonly problem: Paint;
  /** What is there for completeness. */
  readonly aside: Paint;
}

export function createPainter(color: boolean): Painter {
  const sgr =
    (codes: string): Paint =>
    (text) =>
      color ? colored(text, codes) : safe`${text}`;
  return {
    program: sgr('1'),
    name: sgr('1;36'),
    reason: sgr('33'),
    problem: sgr('1;31'),
    aside: sgr('2'),
  };
}
